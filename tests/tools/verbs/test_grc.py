# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast grc`: the descriptions of the blocks, where GNU Radio Companion finds them."""

from percast.tools.verbs.grc import DESCRIPTIONS

FILES = sorted(DESCRIPTIONS.glob("*.block.yml"))


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_install_and_uninstall_leave_other_files_alone(percast, tmp_path):
    (tmp_path / "percast_mine.block.yml").write_text("mine")
    (tmp_path / "other.block.yml").write_text("other")
    (tmp_path / "percast_link.block.yml").symlink_to(tmp_path / "other.block.yml")
    before = names(tmp_path)
    for _ in range(2):
        run = percast("grc", "install", "--dest", tmp_path)
        assert run.code == 0, run.err
        first = run.err.splitlines()[0]
        assert f"{len(FILES)} blocks" in first and f"GRC_BLOCKS_PATH={DESCRIPTIONS}" in first
    assert names(tmp_path) - before == {path.name for path in FILES}
    assert (tmp_path / FILES[0].name).read_text() == FILES[0].read_text()
    assert percast("grc", "uninstall", "--dest", tmp_path).code == 0
    assert names(tmp_path) == before
    assert (tmp_path / "percast_mine.block.yml").read_text() == "mine"


def test_an_upgrade_replaces_links_and_forgets_blocks_that_are_gone(percast, tmp_path):
    old = tmp_path / "old/site-packages/percast/blocks/grc"
    dest = tmp_path / "dest"
    dest.mkdir()
    for name in (FILES[0].name, "percast_gone.block.yml"):
        (dest / name).symlink_to(old / name)
    assert percast("grc", "install", "--dest", dest).code == 0
    assert names(dest) == {path.name for path in FILES}
    assert (dest / FILES[0].name).resolve() == FILES[0].resolve()


def test_a_foreign_file_of_our_name_is_exit_6_and_nothing_changes(percast, tmp_path):
    (tmp_path / FILES[-1].name).write_text("mine")
    run = percast("grc", "install", "--dest", tmp_path)
    assert run.code == 6 and FILES[-1].name in run.complaint
    assert names(tmp_path) == {FILES[-1].name}


def test_an_unwritable_folder_is_exit_6(percast, tmp_path):
    (tmp_path / "file").write_text("")
    for dest in (tmp_path / "file", "/proc/percast"):
        run = percast("grc", "install", "--dest", dest)
        assert run.code == 6 and "--dest" in run.complaint


def test_the_folder_is_the_one_that_gnu_radio_companion_reads(percast, tmp_path):
    def linked(**env: str) -> str:
        run = percast("grc", "install", HOME=str(tmp_path), **env)
        assert run.code == 0, run.err
        return run.err.splitlines()[0]

    assert f"into {tmp_path}/.grc_gnuradio " in linked()
    config = tmp_path / ".gnuradio"
    config.mkdir()
    (config / "config.conf").write_text("[grc]\nlocal_blocks_path = ~/blocks\n")
    assert f"into {tmp_path}/blocks " in linked()
    assert f"into {tmp_path}/hier " in linked(GRC_HIER_PATH=str(tmp_path / "hier"))


def test_path_is_all_that_a_shell_needs(percast):
    run = percast("grc", "path")
    assert (run.code, run.out, run.err) == (0, f"{DESCRIPTIONS}\n", "")
