"""How long a command takes beside the bare imports of its libraries."""

from benchmarks.timing import medians_s

LARGEST = "examples/multi-region.yaml"
IMPORTS = "import pydantic, jinja2, ruamel.yaml, click"
MAIN = "from designer.cli import main; main({arguments!r})"


def run() -> None:
    plan = ["plan", LARGEST, "--no-write"]
    taken = medians_s(
        {
            "imports": ["-c", IMPORTS],
            "designer plan": ["-c", MAIN.format(arguments=plan)],
            "designer --help": ["-c", MAIN.format(arguments=["--help"])],
        }
    )
    for name, seconds in taken.items():
        print(
            f"{name:16} {seconds * 1000:7.0f} ms   {seconds / taken['imports']:4.2f} × the imports"
        )
