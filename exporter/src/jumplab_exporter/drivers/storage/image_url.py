"""The URL of an image: what of it may be shown, and where it may lead. Pure."""

from dataclasses import dataclass, field

from aiohttp import encode_basic_auth
from yarl import URL

_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """A URL to fetch from.  url: without user and password.  authorization: the header with these, or ""."""

    url: URL = field(repr=False)
    authorization: str = field(repr=False)

    @classmethod
    def read(cls, text: str) -> "ImageUrl":
        """Raises ValueError, without the text: it may have a password."""
        if len(text) > _LONGEST or not text.isprintable() or " " in text:
            raise ValueError(f"the URL has a space, a control character, or more than {_LONGEST} characters")
        try:
            url = URL(text)
            usable = url.scheme in ("http", "https") and bool(url.host) and bool(url.port)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("this is no URL that can be fetched; it begins with http:// or https://, and has a host")
        has_user = url.user is not None or url.password is not None
        authorization = encode_basic_auth(url.user or "", url.password or "", "utf-8") if has_user else ""
        return cls(url.with_user(None).with_fragment(None), authorization)

    @property
    def shown(self) -> str:
        """The URL for messages: without user, password and query, which may be secrets."""
        return str(self.url.with_query(None))

    def redirected(self, location: str) -> "ImageUrl":
        """Where a redirection leads. Raises ValueError where it is not to be followed."""
        try:
            target = ImageUrl.read(str(self.url.join(URL(location))))
        except ValueError:
            raise ValueError(f"{self.shown} redirects to what is no URL of http:// or https://") from None
        where = f"{self.shown} redirects to {target.url.origin()}"
        if target.authorization:
            raise ValueError(f"{where} with a user and a password of its own, which is not followed")
        if self.url.scheme == "https" and target.url.scheme != "https":
            raise ValueError(f"{where}, from https:// to http://, which is not followed")
        if self.authorization and target.url.origin() != self.url.origin():
            raise ValueError(
                f"{where}, which would get the user and the password of the URL; give the URL that it redirects to"
            )
        return ImageUrl(target.url, self.authorization)
