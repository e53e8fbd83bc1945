"""Where configurations really stand: inside Kubernetes manifests, Helm values and compose files.

Finds them and says where each of their lines is in the file around them. Nothing is rendered, expanded
or executed: `${NAME}` and `{{ … }}` stay what they are. Which of several is meant is `designer.load`'s
work.
"""

from designer.containers.embedded import Source, fits, sources_in
from designer.containers.folder import Folder, read_text
from designer.containers.follow import mounted, with_included
from designer.containers.images import Image, images_in
from designer.containers.places import moved, moved_findings

__all__ = [
    "Folder",
    "Image",
    "Source",
    "fits",
    "images_in",
    "mounted",
    "moved",
    "moved_findings",
    "read_text",
    "sources_in",
    "with_included",
]
