"""Scraping: a task a target, at its own phase of the interval; what a target exposes becomes one append."""

import asyncio
import hashlib
import time
from dataclasses import dataclass, field

import httpx
import numpy as np

from opsconductor.metrics.config import ScrapeJob, Target
from opsconductor.metrics.exposition import Metadata, Sample, parse_exposition
from opsconductor.metrics.ingest import Ingester, SampleBatch
from opsconductor.model.address import resolve_url
from opsconductor.model.errors import InputError, LimitError, OpsConductorError
from opsconductor.model.labels import Labels, sort_labels
from opsconductor.promql.samples import STALE_BITS
from opsconductor_telemetry import get_logger

log = get_logger(__name__)

ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
STALE = float(np.array([STALE_BITS], dtype=np.uint64).view(np.float64)[0])
MAX_BODY_BYTES = 256 * 1024 * 1024


@dataclass
class LiveTarget:
    """A target and how its last scrape went. Times are seconds since 1970."""

    job: ScrapeJob
    target: Target
    health: str = "unknown"
    last_error: str = ""
    last_scrape: float = 0.0
    last_took_s: float = 0.0
    series: set[Labels] = field(default_factory=set)
    metadata: list[Metadata] = field(default_factory=list)

    @property
    def labels(self) -> dict[str, str]:
        """The labels that every sample of the target gets."""
        return {"instance": self.target.address, "job": self.job.name, **dict(self.target.labels)}

    @property
    def url(self) -> str:
        """Where it is scraped, by its configured name."""
        return f"{self.job.scheme}://{self.target.address}{self.job.path}"


class Scraper:
    """Scrapes all targets until it is stopped."""

    def __init__(self, jobs: tuple[ScrapeJob, ...], ingester: Ingester) -> None:
        self.targets = [LiveTarget(job, target) for job in jobs for target in job.targets]
        self._ingester = ingester
        self._client = httpx.AsyncClient(headers={"Accept": ACCEPT, "User-Agent": "OpsConductor/metrics"})
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to scrape; each target has its own offset within the interval, so that the load is even."""
        self._tasks = [asyncio.create_task(self._run(target)) for target in self.targets]

    async def stop(self) -> None:
        """End all scrapes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _run(self, target: LiveTarget) -> None:
        interval_s = target.job.interval_s
        phase = int.from_bytes(hashlib.blake2b(target.url.encode(), digest_size=4).digest(), "little") / 2**32
        first = True
        while True:
            now = time.time()
            # The first scrape comes soon: a target that is up should be seen so at once.
            wait_s = min(phase, 1.0) if first else (phase * interval_s - now) % interval_s
            await asyncio.sleep(wait_s if first or wait_s > 0.01 else interval_s)
            first = False
            try:
                await self.scrape(target)
            except OpsConductorError as error:
                log.warning("cannot store a scrape", target=target.url, reason=str(error))

    async def scrape(self, target: LiveTarget) -> None:
        """Scrape once and store the samples, `up` and the scrape's own figures. Raises the writer's errors."""
        begun, started = time.time(), time.perf_counter()
        samples: list[Sample] = []
        try:
            samples, target.metadata = await self._fetch(target)
            target.health, target.last_error = "up", ""
        except (httpx.HTTPError, httpx.InvalidURL, OpsConductorError) as error:
            target.health, target.last_error = "down", str(error) or type(error).__name__
        target.last_scrape, target.last_took_s = begun, time.perf_counter() - started
        await self._ingester.store(self._collect(target, samples, int(begun * 1000)))

    async def _fetch(self, target: LiveTarget) -> tuple[list[Sample], list[Metadata]]:
        job = target.job
        limit = job.body_size_limit or MAX_BODY_BYTES
        auth = httpx.BasicAuth(*job.user) if job.user else None
        body = bytearray()
        async with self._client.stream(
            "GET",
            resolve_url(target.url),
            params=list(job.parameters) or None,
            timeout=job.timeout_s,
            auth=auth if auth is not None else httpx.USE_CLIENT_DEFAULT,
        ) as answer:
            if answer.status_code != 200:
                raise InputError(f"server returned HTTP status {answer.status_code} {answer.reason_phrase}")
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > limit:
                    raise LimitError(f"body size limit exceeded: more than {limit} bytes", "body_size_limit", 413)
            openmetrics = "openmetrics" in answer.headers.get("content-type", "")
        text = body.decode(errors="replace")
        samples, metadata = await asyncio.to_thread(parse_exposition, text, openmetrics=openmetrics)
        if job.sample_limit and len(samples) > job.sample_limit:
            raise LimitError(f"sample limit exceeded: {len(samples)} > {job.sample_limit}", "sample_limit", 413)
        return samples, metadata

    def _collect(self, target: LiveTarget, samples: list[Sample], time_ms: int) -> SampleBatch:
        batch, seen = SampleBatch(), set()
        own = target.labels
        for sample in samples:
            labels = _merge_labels(sample.labels, own, honor=target.job.honor_labels)
            own_time = sample.time_ms if target.job.honor_timestamps else None
            batch.add(labels, time_ms if own_time is None else own_time, sample.value)
            if own_time is None:
                seen.add(labels)  # series with times of their own get no stale marker, as in the original
            if sample.exemplar is not None:
                at = time_ms if sample.exemplar.time_ms is None else sample.exemplar.time_ms
                batch.exemplars.append((labels, sample.exemplar, at))
        for labels in target.series - seen:
            batch.add(labels, time_ms, STALE)
        added = len(seen - target.series)
        target.series = seen
        figures = {
            "up": float(target.health == "up"),
            "scrape_duration_seconds": target.last_took_s,
            "scrape_samples_scraped": float(len(samples)),
            "scrape_samples_post_metric_relabeling": float(len(samples)),
            "scrape_series_added": float(added),
        }
        for name, value in figures.items():
            batch.add(sort_labels({**own, "__name__": name}), time_ms, value)
        return batch


def _merge_labels(labels: Labels, own: dict[str, str], *, honor: bool) -> Labels:
    """The sample's labels with the target's; on a clash the target's win and the sample's become exported_NAME."""
    merged = dict(labels)
    for name, value in own.items():
        if name in merged:
            if honor:
                continue
            exported = f"exported_{name}"
            while exported in merged:
                exported = f"exported_{exported}"
            merged[exported] = merged[name]
        merged[name] = value
    return sort_labels(merged)
