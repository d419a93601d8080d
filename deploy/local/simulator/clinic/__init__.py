"""Clinicians: everything from the plan to the end of a stay, once a working day."""

from deploy.local.simulator.clinic.rounds import Clinic

__all__ = ["Clinic"]
