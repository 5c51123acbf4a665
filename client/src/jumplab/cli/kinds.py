"""The kinds of things that commands concern, in every spelling that kubectl takes."""

import click

_SPELLINGS = {
    "lease": ("lease", "leases", "jl", "lease.jumpstarter.dev", "leases.jumpstarter.dev"),
    "exporter": ("exporter", "exporters", "exp", "exporter.jumpstarter.dev", "exporters.jumpstarter.dev"),
    "client": ("client", "clients", "jcl", "client.jumpstarter.dev", "clients.jumpstarter.dev"),
}
_KIND_OF = {spelling: kind for kind, spellings in _SPELLINGS.items() for spelling in spellings}


class KindGroup(click.Group):
    """One command for each kind: singular, plural and short names are one, and so are `lease demo` and `lease/demo`."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        spellings = _SPELLINGS.get(_KIND_OF.get(cmd_name.lower(), ""), (cmd_name,))
        return next((found for each in spellings if (found := super(KindGroup, self).get_command(ctx, each))), None)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        kind, slash, name = args[0].partition("/")
        if not kind.startswith("-") and self.get_command(ctx, kind) is None:
            known = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f'there is no kind "{kind}" to {self.name}; the kinds are {known}', ctx)
        if slash and not name:
            raise click.UsageError(f'"{args[0]}" has no name behind its slash; write it as {kind}/NAME', ctx)
        return super().resolve_command(ctx, [kind, name, *args[1:]] if slash else args)
