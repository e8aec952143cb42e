"""Fixtures of the benchmarks of searches."""

from collections.abc import Iterator

import pytest
from portal_shared.runtime.settings import Settings

from tests.bench.loads.scale_load import Scaling, scaled
from tests.bench.loads.served_corpus import Loading, serve_corpus
from tests.drivers.search.engine import serve


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and key of the engine; an empty key without one."""
    with serve(tmp_path_factory.mktemp("engine")) as engine:
        yield engine.url, engine.key or ""


@pytest.fixture
def loading(settings: Settings, engine_url: tuple[str, str]) -> Loading:
    """Loads a corpus into indexes and databases of its own, and serves it."""
    return lambda corpus: serve_corpus(corpus, settings, engine_url)


@pytest.fixture
def scaling(settings: Settings, engine_url: tuple[str, str]) -> Scaling:
    """Loads a wide corpus into indexes of its own, and serves it."""
    return lambda corpus: scaled(corpus, settings, engine_url)
