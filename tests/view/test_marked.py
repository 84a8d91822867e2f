from typing import TYPE_CHECKING

from splat.view.marked import block, code, plain
from splat.view.server import open_server
from tests.browser import needs_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EVIL = '<iframe srcdoc="<script>parent.ran = (parent.ran || 0) + 1</script>"></iframe> a_b*c* [l](http://e)'


def test_no_text_is_obeyed() -> None:
    assert plain("DSC_01 <iframe srcdoc='x'>\n# a") == r"DSC\_01 \<iframe srcdoc='x'\> \# a"
    assert plain("a*b* `c` [d](e) &lt; f\\") == r"a\*b\* \`c\` \[d\](e) \&lt; f\\"


def test_code_has_no_end_in_it() -> None:
    assert code("a`b\n\n<i>") == "`a'b <i>`"
    assert block("a\n```\nb") == "```\na\n'''\nb\n```"


class TestInTheBrowser:
    pytestmark = needs_browser

    def test_scripts_in_names_do_not_run_in_the_page(self, chromium: "Browser") -> None:
        server = open_server(0)
        try:
            for said in (f"**{plain(EVIL)}**", code(f"x\n\n{EVIL}"), block(f"```\n{EVIL}")):
                server.gui.add_markdown(said)
            tab = chromium.new_page()
            tab.goto(f"http://127.0.0.1:{server.get_port()}")
            tab.get_by_text(EVIL).nth(2).wait_for(timeout=60_000)  # letter by letter, three times
            assert tab.locator("iframe").count() == 0 and tab.evaluate("window.ran || 0") == 0
            tab.close()
        finally:
            server.stop()
