from pathlib import Path

from opsconductor.collector.config import Target
from opsconductor.collector.discovery import find_paths
from opsconductor.collector.stages.pipeline import Pipeline


def make_target(root: Path, path: str, exclude: str = "", job: str = "a") -> Target:
    return Target(f"{job}/0", job, f"{root}/{path}", {}, Pipeline(), f"{root}/{exclude}" if exclude else "")


def test_globs_as_the_original_reads_them(tmp_path: Path) -> None:
    for name in ("a/x.log", "a/x.log.1", "a/y.txt", "a/b/c/deep.log", ".hidden/h.log", "top.log", "a/[z].log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    def find(path: str, exclude: str = "") -> list[str]:
        found = find_paths([make_target(tmp_path, path, exclude)])
        return [str(Path(path).relative_to(tmp_path)) for path, _ in found]

    assert find("*/*.log") == [".hidden/h.log", "a/[z].log", "a/x.log"]
    assert find("**/*.log", "a/**") == [".hidden/h.log", "top.log"]
    assert find("a/**/*.log", "a/[[]z].log") == ["a/b/c/deep.log", "a/x.log"]
    assert find("a/{x.log,y.*}") == ["a/x.log", "a/y.txt"]
    assert find("a/[^x].txt") == ["a/y.txt"]
    assert find("absent/*.log") == []


def test_the_first_target_that_names_a_path_has_it(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("")
    first, second = make_target(tmp_path, "*.log", job="a"), make_target(tmp_path, "x.*", job="b")
    assert [target.job for _, target in find_paths([first, second])] == ["a"]
