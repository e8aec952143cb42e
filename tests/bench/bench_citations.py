"""Citations compared with sending their database reads directly: each of another record.

The baseline *bare* is one client that sends the same reads to MongoDB. What a citation takes above
it, `own`, is the time of the gateway: mapping, relations, and formatting in a style.
PORTAL_BENCH_CITATIONS is the number of documents; each has ten datasets, and links to them.
"""

import itertools
import os
from typing import Any
from urllib.parse import quote

import aiohttp
import pymongo

from tests.bench.bench_search import HEAD, Figure, in_turns, recorded
from tests.bench.loads.search_corpus import Corpus
from tests.bench.loads.served_corpus import Loading

SIZE = int(os.environ.get("PORTAL_BENCH_CITATIONS", "1000"))
FORMATS = ("text", "json-ld", "datacite-json", "bibtex")


async def test_citations_beside_their_reads(loading: Loading) -> None:
    corpus = Corpus(SIZE, datasets_each=10)
    pids = [corpus.pid(n) for n in range(SIZE)]
    async with loading(corpus) as loaded:
        print(f"\n{SIZE} documents, {10 * SIZE} datasets\n{HEAD}")
        mongo = pymongo.MongoClient[dict[str, Any]](loaded.settings.mongo_url.get_secret_value())
        for form, suffix in itertools.product(FORMATS, ("", ".0")):
            paths = itertools.cycle(
                f"/api/records/{quote(pid + suffix, safe='')}/citation?format={form}"
                for pid in pids
            )
            requests = await recorded(loaded, next(paths))
            async with aiohttp.ClientSession() as session:

                async def gateway() -> bytes:
                    async with session.get(loaded.url + next(paths)) as response:  # noqa: B023
                        assert response.status == 200, await response.text()
                        return await response.read()

                async def bare() -> None:
                    for _, where, command in requests:  # noqa: B023
                        mongo[where].command(command)

                size = len(await gateway())
                (ours, theirs), cpu = await in_turns(loaded, gateway, bare)
            figure = Figure(ours, theirs, cpu, 1000 / (sum(ours) / len(ours)), len(requests), size)
            print(figure.line(f"{form} of a {'dataset' if suffix else 'document'}"), flush=True)
            assert figure.gateway
        mongo.close()
