"""A first test on a leased board, in plain code: `python examples/smoke_test.py`, or with pytest.

It works with any exporter that has `power` and `console`; the prompt here is U-Boot's.
"""

import jumplab

PROMPT = "=> "


def test_the_boot_loader_answers() -> None:
    with jumplab.lease("board=demo", duration="10m") as board:
        board.power.cycle()
        board.console.send("\n")
        board.console.expect(PROMPT, timeout=60)
        assert "U-Boot" in board.console.run("version", PROMPT)
        board.power.off()


if __name__ == "__main__":
    test_the_boot_loader_answers()
    print("the boot loader answers")
