"""What an administrator probably did not mean, though the exporter works with it."""

from collections.abc import Iterator

from jumplab.session.host import DriverTree
from jumplab_exporter.config import LocalConfig
from jumplab_exporter.drivers.secrets import secrets_of
from jumplab_exporter.hooks.command import missing_file


def warnings_of(config: LocalConfig, tree: DriverTree) -> Iterator[str]:
    """A sentence for each; the drivers of `tree` need not be set up."""
    if not config.export:
        yield f'exporter "{config.metadata.name}" exports nothing: add its drivers under `export`'
    for node in tree.nodes.values():
        unknown = [name for name in node.driver.methods_description if name not in node.methods]
        if unknown and not node.failure:
            known = ", ".join(node.methods) or "none"
            yield f'driver "{node.path}" has no method {", ".join(unknown)} to describe; its methods are: {known}'
        for secret in secrets_of(node.driver):
            if exposure := secret.exposure():
                yield f'driver "{node.path}": {exposure}'
    scripts = {
        "hooks.beforeLease": config.hooks.before_lease,
        "hooks.afterLease": config.hooks.after_lease,
        "healthCheck": config.health_check,
    }
    for place, of_script in scripts.items():
        if of_script is not None and (file := missing_file(of_script.script)):
            yield f"{place}.script: there is no file {file}"
