from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsconductor.collector.config import Client, CollectorConfig, LineLimits, Target
from opsconductor.collector.figures import Figures
from opsconductor.collector.flow import Flow
from opsconductor.collector.push import encode_sources
from opsconductor.collector.stages.build import build_pipeline
from opsconductor.model.document import parse_document


def make_flow(folder: Path, stages: str = "[]", limits: LineLimits = LineLimits()) -> Flow:
    pipeline = build_pipeline(parse_document(f"stages: {stages}", "x.yml").items("stages"))
    target = Target("a/0", "a", f"{folder}/*.log", {}, pipeline)
    client = Client("client-0", "http://store:1")
    return Flow(CollectorConfig((client,), (target,), folder / "absent", limits), client, folder / "data", Figures())


def send_all(flow: Flow, store: Any, now: float = 0.0) -> None:
    flow.scan(thorough=True)
    flow.start_turn()
    while flow.read_next(now) is not None:
        continue
    flow.settle()
    if flow.is_due(now, idle=True):
        record = flow.take()
        assert store.push(encode_sources(record), record.body)[0] == 204
        flow.acknowledge(record)


def test_lines_beyond_max_line_size(tmp_path: Path, make_store: Callable[[], Any]) -> None:
    (tmp_path / "x.log").write_text("12345\n123456\n")
    for truncate, expected in ((False, ["12345"]), (True, ["12345", "12345"])):
        store, flow = make_store(), make_flow(tmp_path / str(truncate), limits=LineLimits(5, truncate))
        (tmp_path / str(truncate) / "x.log").write_text("12345\n123456\n")
        send_all(flow, store)
        flow.close()
        assert store.lines == expected


def test_a_partial_line_keeps_its_range_open_until_its_end(tmp_path: Path, make_store: Callable[[], Any]) -> None:
    path, store = tmp_path / "x.log", make_store()
    time = "2026-01-02T03:04:05Z stdout"
    path.write_text(f"{time} F whole\n{time} P half \n")
    flow = make_flow(tmp_path, "[{cri: {}}]")
    send_all(flow, store)
    assert store.lines == []
    flow.close()
    flow = make_flow(tmp_path, "[{cri: {}}]")  # a crash here loses nothing: the range was not sent
    with path.open("a") as file:
        file.write(f"{time} F and half\n")
    send_all(flow, store)
    assert store.lines == ["whole", "half and half"]
    with path.open("a") as file:
        file.write(f"{time} P never ended\n")
    send_all(flow, store, now=10.0)
    send_all(flow, store, now=20.0)
    assert store.lines == ["whole", "half and half", "never ended"]
    assert list(store.committed.values()) == [path.stat().st_size]
    flow.close()


def test_dropped_lines_count_and_their_ranges_stay_whole(tmp_path: Path, make_store: Callable[[], Any]) -> None:
    path, store = tmp_path / "x.log", make_store()
    path.write_text("keep 1\nnoise\n")
    flow = make_flow(tmp_path, "[{drop: {expression: noise}}]")
    send_all(flow, store)
    for text in ("noise\nnoise\n", "noise\n", "keep 2\nnoise\n"):
        with path.open("a") as file:
            file.write(text)
        send_all(flow, store)
    assert store.lines == ["keep 1", "keep 2"]
    (source,) = flow.registry.sources.values()
    assert source.position.offset == path.stat().st_size
    flow.close()


def test_many_files_share_batches_of_few_sources(tmp_path: Path, make_store: Callable[[], Any]) -> None:
    store = make_store()
    for number in range(150):
        (tmp_path / f"{number}.log").write_text(f"line {number}\n")
    flow = make_flow(tmp_path)
    for _ in range(4):
        send_all(flow, store)
    assert sorted(store.lines) == sorted(f"line {number}" for number in range(150))
    flow.close()


def test_a_huge_file_leaves_the_others_their_turn(tmp_path: Path, make_store: Callable[[], Any]) -> None:
    store = make_store()
    (tmp_path / "huge.log").write_text("x" * 99 + "\n" + ("y" * 99 + "\n") * 50_000)
    (tmp_path / "small.log").write_text("small\n")
    flow = make_flow(tmp_path)
    send_all(flow, store)
    assert "small" in store.lines
    assert len(store.lines) < 10_000
    flow.close()
