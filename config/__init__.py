"""Deployment settings: what is true of one installation and needs a restart to change.

Here belongs each ``DAYPASS_*`` variable, declared once, and the keys read from the instance folder.
Not here: instance settings such as lifetimes, which live in the database and change at run time
(``app.domain.policy``). This package imports nothing of ours.
"""

from config.keys import KEYS_FILE, Keys, generate_keys, read_keys
from config.settings import Settings, SettingsError, load_settings

__all__ = ["KEYS_FILE", "Keys", "Settings", "SettingsError", "generate_keys", "load_settings", "read_keys"]
