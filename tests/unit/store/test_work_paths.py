from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.store.work_paths import WorkPaths

IN = ObsPath.directory("/bucket/in/")
PATHS = ["/bucket/in/", "/bucket/in/a/", "/bucket/in/b/c/", "/bucket/inner/", "/bucket/", "/other/in/a/"]


def texts(paths: list[ObsPath]) -> list[str]:
    return [str(path) for path in paths]


def test_below_returns_the_paths_inside_a_directory_only() -> None:
    assert texts(WorkPaths(PATHS).below(IN)) == ["/bucket/in/a/", "/bucket/in/b/c/"]


def test_elsewhere_returns_neither_the_directory_nor_what_is_around_it() -> None:
    assert texts(WorkPaths(PATHS).elsewhere(IN)) == ["/bucket/inner/", "/other/in/a/"]


def test_added_path_is_found_until_it_is_removed() -> None:
    paths = WorkPaths(PATHS)
    paths.add("/bucket/in/aa/")
    assert texts(paths.below(IN)) == ["/bucket/in/a/", "/bucket/in/aa/", "/bucket/in/b/c/"]
    paths.remove("/bucket/in/aa/")
    paths.remove("/bucket/in/missing/")
    assert texts(paths.below(IN)) == ["/bucket/in/a/", "/bucket/in/b/c/"]
    paths.replace([])
    assert paths.below(IN) == paths.elsewhere(IN) == []
