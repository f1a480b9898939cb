"""The page: what is installed, and a console to try it. Server-rendered; only the back office depends on it."""
