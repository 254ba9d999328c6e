"""What administers the instance, and watches over its clock, its keys, its audit log and the whole."""

from app.services.audit_list import AuditList
from app.services.audit_log import audit_log
from app.services.break_glass import BreakGlass
from app.services.building.ground import Ground
from app.services.clock_agreement import ClockAgreement
from app.services.health import Health
from app.services.instance_settings import InstanceSettings
from app.services.job_runs import JobRuns
from app.services.key_fingerprints import KeyFingerprints
from app.services.overview import Overview
from app.services.setting_effects import SettingEffects


class Operating:
    """For administrators, jobs, and the checks of health."""

    def __init__(self, on: Ground) -> None:
        database, clock = on.database, on.clock
        self.instance_settings = InstanceSettings(database, clock)
        self.setting_effects = SettingEffects(database, clock)
        self.overview = Overview(database, clock)
        self.job_runs = JobRuns(database, clock)
        self.audit_list = AuditList(database, on.pepper)
        self.clock_agreement = ClockAgreement(database, clock)
        self.key_fingerprints = KeyFingerprints(database, clock, on.token_keys, on.pepper)
        self.audit = audit_log(database, clock, self.clock_agreement, on.pepper)
        warnings = {
            "clock jumps": self.clock_agreement.warning,
            "audit": self.audit.sealing.warning,
            "break-glass": BreakGlass(database).warning,
        }
        self.health = Health(database, clock, self.key_fingerprints, warnings)
