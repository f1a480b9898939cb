"""Bulk jobs: thousands of leads in one request, created by and by, with a verdict for each.

The row decides: it is ``sending`` in the database before its lead is sent, and whoever finds it so after the lease of
the process that sent it calls it ``unknown``. Nothing but a person's word sends an unknown row again.
"""
