"""Links that are added to a report."""

import pytest

from biometrics.report.links import with_link


def test_a_link_stands_behind_those_to_the_sections_and_is_escaped():
    linked = with_link("<nav><a>Gate</a></nav>rest", "a < b", 'x".html')
    assert linked == '<nav><a>Gate</a><a href="x&quot;.html">a &lt; b</a></nav>rest'


def test_what_is_no_report_is_refused():
    with pytest.raises(ValueError, match="no report"):
        with_link("<p></p>", "text", "a.html")
