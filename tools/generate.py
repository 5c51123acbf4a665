"""Regenerates everything that is generated: protobuf code, plain clients, CRDs. Run by `make generate`."""

from tools import generate_crds, generate_plain_clients, generate_protocol


def main() -> None:
    generate_protocol.main()
    generate_plain_clients.main()
    generate_crds.main()


if __name__ == "__main__":
    main()
