"""An instance with the 378 datasets of the Human Organ Atlas and the web site."""

from pathlib import Path

from portal_local.launcher.site import BUILD

from tests.drivers.instance import Portal, started
from tests.drivers.servers import missing


def start_atlas(folder: Path) -> Portal:
    """Starts an instance in `folder`, imports the Atlas and waits until it is indexed."""
    if not (BUILD / "index.js").is_file():
        missing("the web site is not built: `make site` builds it")
    portal = started(folder, with_site=True)
    try:
        portal.done("import", "hoa", "--json", timeout=900)
        portal.done("wait", "--timeout", "600", timeout=700)
    except BaseException:
        portal.run("down")
        raise
    return portal
