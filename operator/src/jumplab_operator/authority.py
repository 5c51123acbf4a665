"""The certificate authority of a control plane, and its replacement in three steps.

    begin    a new authority is made; peers are to trust the old and the new one, and the old one signs
    switch   the new one signs; peers still trust both
    finish   the new one is the only one

A `Rotation` is what is stored beside the old authority meanwhile. It is one file, so each step is one atomic write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from jumplab_operator import pki
from jumplab_operator.errors import WrongOrder

ROTATION = "ca-rotation.pem"
COMMAND = "jumplab-operator rotate ca"

_STEP_LINE = b"# rotation of the CA, step: "
_CERTIFICATE_END = b"-----END CERTIFICATE-----\n"


class Step(StrEnum):
    """A step of a rotation."""

    BEGIN = "begin"
    SWITCH = "switch"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Authority:
    """What signs server certificates, and the certificates that peers are to trust, as PEM."""

    signer: pki.Issued
    trusted_pem: bytes


@dataclass(frozen=True, slots=True)
class Rotation:
    """The last step that was made, and the authority that follows."""

    step: Step
    following: pki.Issued

    def to_pem(self) -> bytes:
        """The file's content."""
        return _STEP_LINE + self.step.encode() + b"\n" + self.following.certificate_pem + self.following.key_pem

    @classmethod
    def from_pem(cls, content: bytes) -> Rotation:
        """Raises ValueError where it is damaged."""
        line, _, pems = content.partition(b"\n")
        certificate, end, key = pems.partition(_CERTIFICATE_END)
        following = pki.Issued(certificate + end, key)
        if not line.startswith(_STEP_LINE) or not pki.can_sign(following):
            raise ValueError("it has no certificate authority with its key")
        return cls(Step(line.removeprefix(_STEP_LINE).decode("latin-1")), following)


def authority_of(current: pki.Issued, rotation: Rotation | None) -> Authority:
    """The authority in force.  current: the one that is stored as such. Raises ValueError where it can't be used.

    After the last step the current one is not looked at: it may be half replaced.
    """
    if rotation is not None and rotation.step is Step.FINISH:
        return Authority(rotation.following, rotation.following.certificate_pem)
    if rotation is None or rotation.step is Step.BEGIN:
        if not pki.can_sign(current):
            raise ValueError("it is no certificate with its key")
        following = [rotation.following] if rotation is not None else []
        return Authority(current, _bundle(current, *following))
    x509.load_pem_x509_certificate(current.certificate_pem)
    return Authority(rotation.following, _bundle(rotation.following, current))


def step_made(step: Step, rotation: Rotation | None, now: datetime) -> Rotation:
    """The rotation after a step; the same one where it was made already. Raises WrongOrder."""
    if rotation is None:
        if step is Step.BEGIN:
            return Rotation(step, pki.make_authority(now, f"jumplab {now:%Y-%m-%d %H:%M:%S}"))
        raise WrongOrder(f"no rotation of the CA has begun; begin one with `{COMMAND}`")
    steps = list(Step)
    ahead = steps.index(step) - steps.index(rotation.step)
    if ahead > 1:
        raise WrongOrder(
            f"the new CA does not sign yet, so the old one can't be dropped; run `{COMMAND} --switch` first, when all "
            "exporters and clients have both CAs"
        )
    if ahead < 0:
        raise WrongOrder(f"the new CA signs already; end this rotation with `{COMMAND} --finish`")
    return replace(rotation, step=step)


def _bundle(*authorities: pki.Issued) -> bytes:
    return b"".join(dict.fromkeys(each.certificate_pem for each in authorities))
