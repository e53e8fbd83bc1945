"""Container images beside a configuration: versions that nobody should run, and tags that move.

Only images of the configuration's own gateway; what an image holds is not looked at.
"""

from designer.containers import Image
from designer.diagnostics import Report, Rule, Severity
from designer.lint.subject import Subject
from designer.lint.versions import check_version

MOVES = Rule(
    "LNT715",
    Severity.INFO,
    "the image {image} is another one tomorrow: it has {what}",
    "A tag such as `latest` or `main-stable` is set anew with every release: a restart can bring another "
    "version, with other defaults, that nobody has tried.",
    help="name a version and its digest: `{image_name}:VERSION@sha256:…`",
    source="https://docs.docker.com/reference/cli/docker/image/pull/, read 2026-11-24; two releases of LiteLLM "
    "were malware for hours (https://github.com/BerriAI/litellm/issues/24512)",
)


def check(subject: Subject, report: Report) -> None:
    for image in subject.config.images:
        if subject.config.gateway.name == "litellm":
            check_version(_tag(image), image.place, report)
        if not image.version and _is_written_out(image.reference):
            what = "no tag" if not _tag(image) else "a tag that moves"
            name = image.reference.removesuffix(f":{_tag(image)}")
            report.add(MOVES, image.place, image=image.reference, what=what, image_name=name)


def _tag(image: Image) -> str:
    """`v1.83.0-nightly` of `…:main-v1.83.0-nightly`."""
    tag = image.reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return tag.removeprefix("main-").removeprefix("litellm_") if image.version else tag


def _is_written_out(reference: str) -> bool:
    """Not where a digest says which one it is, or something else puts the tag in."""
    return "@" not in reference and not any(sign in reference for sign in "${}<>")
