"""The HTTP of intake: referrals in both forms, each step towards admission, and what may be read."""

from services.intake.api.routes import routes

__all__ = ["routes"]
