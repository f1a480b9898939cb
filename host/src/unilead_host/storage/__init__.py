"""Tables, migrations and the database engine."""

from unilead_host.storage.connection import Connection as Connection
from unilead_host.storage.database import Database as Database
from unilead_host.storage.database import StorageError as StorageError
from unilead_host.storage.migrating import current_revision as current_revision
from unilead_host.storage.migrating import migrate as migrate
from unilead_host.storage.migrating import newest_revision as newest_revision
from unilead_host.storage.tables import now as now
