"""What the operator proves itself with, and what its peers are to trust: from the start, and after each replacement."""

import logging
from dataclasses import dataclass

from jumplab_operator.clock import SystemClock, now
from jumplab_operator.controller.keys import Keys
from jumplab_operator.controller.served_certificate import CertificateSource, Served
from jumplab_operator.controller.serving import Serving
from jumplab_operator.pki import date_problem
from jumplab_operator.reconcile.composition.lab_service import LabService

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trust:
    """The operator's keys, the certificate that is served first, and where the later ones come from."""

    keys: Keys
    source: CertificateSource
    first: Served


def warn_of_dates(operator_keys: Keys) -> None:
    """Logs why peers refuse what the authority signs, if they do."""
    if problem := date_problem(operator_keys.authority.signer, now()):
        log.warning("%s", problem)


async def renew(serving: Serving, trust: Trust, lab: LabService) -> None:
    """Replaces the certificate, and what is to be trusted, whenever there is another one. Calls that are open go on."""
    served = trust.first
    async for found in trust.source.changes(served, SystemClock().sleep):
        if found.certificate != served.certificate:
            await serving.serve(found.certificate)
            log.info("new connections get the new certificate from now on")
        lab.publish_ca(found.ca_pem)
        served = found
