"""What the strategies for U-Boot and Linux have in common: their states and settings."""

from typing import ClassVar, Literal

from jumplab.drivers.console.time_limits import TimeLimit

UBootLinuxState = Literal["off", "bootloader", "shell"]


class UBootLinuxSettings:
    """What differs from board to board. Texts that a console says are regular expressions.

    autoboot: what U-Boot says before it boots;  autoboot_key: what stops it;  bootloader_prompt: its prompt.
    boot_command: what boots Linux there.  login_prompt, password_prompt: what Linux asks with;  login_refused: what it
    says to a wrong password.  user, password: who logs in; an empty user where the shell comes without
    a login, an empty password where none is asked for.
    shell_prompt: of the shell behind it.
    bootloader_timeout, boot_timeout, login_timeout: how long each may take, in seconds or as a duration.
    panics: what U-Boot and Linux say when they can't go on.
    """

    autoboot: str = "stop autoboot"
    autoboot_key: str = " "
    bootloader_prompt: str = "=> "
    boot_command: str = "boot"
    login_prompt: str = r"(?<!Last )login: "
    password_prompt: str = r"[Pp]assword: "  # noqa: S105 - what asks for one
    login_refused: str = r"(?i)login incorrect|authentication failure|permission denied"
    user: str = "root"
    password: str = ""
    shell_prompt: str = r"[#$] "
    bootloader_timeout: TimeLimit = 60.0
    boot_timeout: TimeLimit = 180.0
    login_timeout: TimeLimit = 30.0
    panics: ClassVar[tuple[str, ...]] = (r"Kernel panic - not syncing", r"### ERROR ### Please RESET the board ###")

    def _password_missing(self) -> str:
        return (
            f'the board asks for the password of "{self.user}", and {type(self).__qualname__} has none; set `password` '
            "in that class"
        )

    def _login_refused(self) -> str:
        return (
            f'the board refused the user "{self.user}" with the password of {type(self).__qualname__}; set `user` and '
            "`password` in that class"
        )
