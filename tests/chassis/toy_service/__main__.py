"""`python -m tests.chassis.toy_service`: the toy as a process of its own, as any service is."""

from services.chassis.run import main
from tests.chassis.toy_service.toy import toy

main(toy)
