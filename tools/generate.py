"""Regenerates what is generated: protobuf code, plain clients, CRDs, the charts' copies, versions and licences.

Run by `make generate`.
"""

from tools import generate_charts, generate_crds, generate_distributions, generate_plain_clients, generate_protocol


def main() -> None:
    generate_protocol.main()
    generate_plain_clients.main()
    generate_crds.main()
    generate_charts.main()
    generate_distributions.main()


if __name__ == "__main__":
    main()
