"""Lists of users, page by page."""

from app.domain.identity import Role, User
from app.services.cursors import Cursors
from app.services.keyset import Page, page_of, row_of
from app.storage import user_list
from app.storage.database import Database
from app.storage.users import as_user

USERS = "users"


class UserList:
    """Reads lists of users. `limit`: 1 to 500. `cursor`: of the previous page; refuses others with BadRequest."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._cursors = Cursors(key)

    def users(
        self,
        part: str | None = None,
        role: Role | None = None,
        is_active: bool | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[User]:
        """Users that match, newest first. `part`: of the user name, case-insensitive."""
        after = row_of(self._cursors.read(USERS, cursor))
        with self._database.reading() as session:
            rows = user_list.users(session, part, role, is_active, after, limit + 1)
            page = page_of([as_user(row) for row in rows], limit, lambda user: user.id)
        return Page(page.items, self._cursors.write(USERS, page.cursor))
