"""`python -m deploy.local.faults.flood.app`: the flood as a process of its own, as any service is."""

from deploy.local.faults.flood.flood import service
from services.chassis.run import main

main(service)
