"""Deployment settings (``DAYPASS_*``) and keys, read at start. Imports no other package of Daypass.

Not here: instance settings such as lifetimes, which are in the database (``app.domain.policy``).
"""

from config.keys import KEYS_FILE, Keys, generate_keys, read_keys
from config.oidc import ProviderSettings
from config.settings import Settings, SettingsError, ignored_variables, load_settings, without_secret_settings

__all__ = [
    "KEYS_FILE",
    "Keys",
    "ProviderSettings",
    "Settings",
    "SettingsError",
    "generate_keys",
    "ignored_variables",
    "load_settings",
    "read_keys",
    "without_secret_settings",
]
