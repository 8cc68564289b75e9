"""Sign URLs and verify them."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    EXPIRED,
    SIGNATURE_MALFORMED,
    SIGNATURE_MISMATCH,
    UNKNOWN_ACCESS_KEY,
)
from modelarts_emulator.iam.signatures.url import EXPIRY_STEP_S, UrlSigner
from modelarts_emulator.obs.paths import ObsPath
from tests.helpers.clocks import SetClock

NOW_S = 1_767_225_600
BASE = "http://127.0.0.1:8765"
KEYS = ["a.jpg", "dir/a b.jpg", "ü/日本語 😀.png", "100%.txt", "a+b&c=d?e#f.txt", "tilde~(x)!*'.txt", "dir/"]


@pytest.fixture
def clock():
    return SetClock(NOW_S * 1000)


@pytest.fixture
def signer(clock):
    return UrlSigner("ACCESSKEY", "secret", clock)


def split(url):
    parts = urlsplit(url)
    return parts.path, parse_qsl(parts.query, keep_blank_values=True)


def verify(signer, url, method="GET"):
    path, query = split(url)
    signer.verify(method, path, query)


def refusal(signer, url, method="GET"):
    with pytest.raises(ApiError) as caught:
        verify(signer, url, method)
    return caught.value.error


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("process", [None, "image/resize,m_lfit,h_200"])
def test_sign_returns_a_valid_url(signer, key, process):
    verify(signer, signer.sign(BASE, ObsPath("bucket", key), process=process))


def test_sign_orders_parameters_as_documented(signer):
    url = signer.sign(BASE, "bucket/dir/1.jpg", process="image/resize,m_lfit,h_200")
    assert url.startswith(f"{BASE}/bucket/dir/1.jpg?AccessKeyId=ACCESSKEY&Expires={NOW_S + 3600}&x-image-process=")
    assert "&x-image-process=image%2Fresize%2Cm_lfit%2Ch_200&Signature=" in url
    assert [name for name, _ in split(url)[1]] == ["AccessKeyId", "Expires", "x-image-process", "Signature"]


def test_sign_computes_the_documented_signature(signer):
    # Computed apart: base64(HMAC-SHA1("secret", "GET\n\n\n1767229200\n/bucket/1.jpg"))
    assert dict(split(signer.sign(BASE, "bucket/1.jpg"))[1])["Signature"] == "af6ikoEmPnRRxw2FvZlL0AiGtiU="


def test_sign_accepts_a_path_and_its_name_alike(signer):
    assert signer.sign(BASE, ObsPath("bucket", "x y/1.jpg")) == signer.sign(BASE, "bucket/x y/1.jpg")


def test_sign_returns_equal_urls_within_a_step(signer, clock):
    first = signer.sign(BASE, "bucket/1.jpg", lifetime_s=3600 - 1)
    clock.ms -= (EXPIRY_STEP_S - 2) * 1000
    assert signer.sign(BASE, "bucket/1.jpg", lifetime_s=3600 - 1) == first


@pytest.mark.parametrize("lifetime_s", [1, 60, 299, 300, 301, 3600])
def test_sign_expiry_is_at_least_the_lifetime_and_little_more(signer, clock, lifetime_s):
    url = signer.sign(BASE, "bucket/1.jpg", lifetime_s=lifetime_s)
    clock.ms += lifetime_s * 1000 - 1
    verify(signer, url)
    clock.ms += EXPIRY_STEP_S * 1000 + 1
    assert refusal(signer, url) is EXPIRED


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("/bucket/1.jpg", "/bucket/2.jpg", SIGNATURE_MISMATCH),
        ("/bucket/1.jpg", "/bucked/1.jpg", SIGNATURE_MISMATCH),
        ("/bucket/1.jpg", "/bucket/1.jpg/", SIGNATURE_MISMATCH),
        ("h_200", "h_201", SIGNATURE_MISMATCH),
        ("x-image-process", "x-image-procesx", SIGNATURE_MISMATCH),
        ("Signature=", "acl&Signature=", SIGNATURE_MISMATCH),
        ("Signature=", "x-image-process=image%2Finfo&Signature=", SIGNATURE_MISMATCH),
        ("Signature=", "response-content-type=text%2Fhtml&Signature=", SIGNATURE_MISMATCH),
        (f"Expires={NOW_S + 3600}", f"Expires={NOW_S + 3601}", SIGNATURE_MISMATCH),
        (f"Expires={NOW_S + 3600}", f"Expires={NOW_S}", EXPIRED),
        (f"Expires={NOW_S + 3600}", "Expires=", SIGNATURE_MALFORMED),
        (f"Expires={NOW_S + 3600}", "Expires=never", SIGNATURE_MALFORMED),
        (f"Expires={NOW_S + 3600}", "Expires=" + "9" * 5000, SIGNATURE_MALFORMED),
        (f"Expires={NOW_S + 3600}", "Expires=-1", SIGNATURE_MALFORMED),
        ("AccessKeyId=ACCESSKEY", "AccessKeyId=OTHER", UNKNOWN_ACCESS_KEY),
        ("AccessKeyId=ACCESSKEY&", "", SIGNATURE_MALFORMED),
        ("Signature=", "Signatur=", SIGNATURE_MALFORMED),
        ("Signature=", "Signature=x", SIGNATURE_MISMATCH),
        ("Signature=", "Signature=ü", SIGNATURE_MISMATCH),
    ],
)
def test_verify_refuses_a_changed_url(signer, old, new, expected):
    url = signer.sign(BASE, "bucket/1.jpg", process="image/resize,m_lfit,h_200")
    assert old in url
    assert refusal(signer, url.replace(old, new, 1)) is expected


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
def test_verify_refuses_other_methods(signer, method):
    assert refusal(signer, signer.sign(BASE, "bucket/1.jpg"), method) is SIGNATURE_MISMATCH


def test_sign_with_another_secret_differs(signer, clock):
    assert refusal(UrlSigner("ACCESSKEY", "Secret", clock), signer.sign(BASE, "bucket/1.jpg")) is SIGNATURE_MISMATCH


def test_verify_ignores_parameters_without_meaning(signer):
    verify(signer, signer.sign(BASE, "bucket/1.jpg") + "&cache-buster=1")
