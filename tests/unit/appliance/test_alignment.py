"""Return path and From of one organization, as DMARC sees municipalities' domains."""

import pytest

from appliance.config.alignment import why_unaligned


@pytest.mark.parametrize(
    ("from_domain", "bounce_domain"),
    [
        ("mail.midori.lg.jp", "mail.midori.lg.jp"),
        ("mail.midori.lg.jp", "bounce.mail.midori.lg.jp"),
        ("midori.lg.jp", "bounce.midori.lg.jp"),
        ("mail.midori.lg.jp", "bounce.midori.lg.jp"),
        ("mail.city.minato.tokyo.jp", "bounce.city.minato.tokyo.jp"),
        ("mail.midori.example", "bounce.midori.example"),
    ],
)
def test_one_organization(from_domain: str, bounce_domain: str) -> None:
    assert why_unaligned(from_domain, bounce_domain) is None


@pytest.mark.parametrize(
    ("from_domain", "bounce_domain"),
    [
        ("midori.lg.jp", "aoba.lg.jp"),  # two municipalities under one public suffix
        ("city.minato.tokyo.jp", "school.minato.tokyo.jp"),
        ("mail.midori.lg.jp", "bounce.vendor.example"),
        ("midori.lg.jp", "notmidori.lg.jp"),
    ],
)
def test_two_organizations_are_named_with_a_way_out(from_domain: str, bounce_domain: str) -> None:
    reason = why_unaligned(from_domain, bounce_domain)
    assert reason is not None
    assert from_domain in reason
    assert bounce_domain in reason
    assert f"bounce.{from_domain}" in reason
