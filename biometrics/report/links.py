"""Links that others add to a report that is written: what lies beside it is theirs to know."""

import html

_END_OF_LINKS = "</nav>"


def with_link(report: str, text: str, address: str) -> str:
    """The report with one link more behind those to its sections.

    Args:
      report: as `page.render_report` gave it.
      text: of the link.
      address: relative to where the report will lie.

    Raises:
      ValueError: it is no such report.
    """
    before, end, after = report.partition(_END_OF_LINKS)
    if not end:
        raise ValueError("no report: it has no links to its sections")
    return f'{before}<a href="{html.escape(address)}">{html.escape(text)}</a>{end}{after}'
