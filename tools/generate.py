"""Regenerates what is generated: protobuf code, plain clients, CRDs, the charts' copies, schemas, versions, licences.

Run by `make generate`.
"""

from tools import (
    generate_charts,
    generate_crds,
    generate_distributions,
    generate_exporter_schema,
    generate_plain_clients,
    generate_protocol,
)


def main() -> None:
    generate_protocol.main()
    generate_plain_clients.main()
    generate_crds.main()
    generate_charts.main()
    generate_exporter_schema.main()
    generate_distributions.main()


if __name__ == "__main__":
    main()
