from splat.view.marked import block, code, plain


def test_no_text_is_obeyed() -> None:
    assert plain("DSC_01 <iframe srcdoc='x'>\n# a") == r"DSC\_01 \<iframe srcdoc='x'\> \# a"
    assert plain("a*b* `c` [d](e) &lt; f\\") == r"a\*b\* \`c\` \[d\](e) \&lt; f\\"


def test_code_has_no_end_in_it() -> None:
    assert code("a`b\n\n<i>") == "`a'b <i>`"
    assert block("a\n```\nb") == "```\na\n'''\nb\n```"
