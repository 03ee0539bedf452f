"""Judge what looks like a way to reach a person: e-mail addresses, phone numbers, addresses of machines."""

from __future__ import annotations

import ipaddress
import itertools
import re

from ftdata.measure.identity import digits_of, is_monotone


def near(match: re.Match[str], words: re.Pattern[str], before: int = 40, after: int = 0) -> bool:
    """Whether one of the words stands just before the match, or just behind it where ``after``."""
    text, start, end = match.string, match.start(), match.end()
    return bool(words.search(text[max(0, start - before) : start]) or (after and words.search(text[end : end + after])))


# ── e-mail and addresses of machines ──────────────────────────────────────────────────────────────────────────────────

# RFC 2606 and RFC 6761 reserve these; the rest is what tutorials write.
_NO_DOMAIN = re.compile(
    r"(?:.*\.)?(?:example(?:\.(?:com|net|org|edu|co\.\w\w|\w\w))?|test|invalid|localhost|local|internal|localdomain|onion|arpa)|"
    r"(?:.*\.)?(?:(?:my|your|our|some|the|this|any)?-?(?:domain|website|server|hostname)|(?:my|your|our)-?(?:company|site|e?mail|business|school|name)|"
    r"your.*|example.*|(?:foo|bar|baz|test|abc|xyz|xxx+|aaa|asdf|acme|contoso|fabrikam|sample|placeholder|dummy))\.[a-z.]{2,6}|"
    r".*\.(?:png|jpe?g|gif|svg|webp|ico|bmp|js|ts|css|html?|php|json|xml|ya?ml|txt|pdf|zip|exe|dll|py|java|cpp|class)"
)
_NO_LOCAL = re.compile(
    r"(?:your|my|some|any|the)[._-]?(?:name|e?mail|account|address|user(?:name)?|id|one|body)|your.*|.*(?:yourname|username|placeholder)|example|user[0-9]{0,3}|name|e?mail|address|"
    r"foo|bar|baz|test(?:er|user|ing)?[0-9]{0,3}|abc[0-9]{0,3}|xyz|xxx+|asdf|me|you|someone|somebody|anyone|sender|recipient|from|to|"
    r"first[._-]?(?:name)?[._-]?last(?:name)?|firstname|lastname|no-?reply|do-?not-?reply|info|support|sales|contact|help(?:desk)?|admin|"
    r"webmaster|postmaster|hostmaster|abuse|security|privacy|press|media|jobs|careers|hr|boss|manager|billing|service|customer[._-]?(?:service|support|care)|"
    r"office|team|hello|feedback|enquiries|inquiries|marketing|newsletter|news|pr|alerts?|notifications?|reservations?|bookings?|orders?|admissions?|accounts?|sales[._-]?team|root|git|hg|svn|mailer-daemon|bot"
)
_INVENTED = re.compile(
    r"(?:john|jane|joe|j)[._-]?(?:doe|smith|d)?[0-9]{0,3}|(?:alice|bob|hong[._-]?gil[._-]?dong|gildong)[0-9]{0,3}|.*(?:1234|abcd|example).*"
)
# Domains that people invent for their examples.
_INVENTED_DOMAIN = re.compile(
    r"(?:.*\.)?(?:e?mail|company|(?:\w*entreprise|firma|empresa|societe)|corp|business|organi[sz]ation|university|school|office|bank|store|shop)\.[a-z.]{2,6}"
)
_COMMON_TLD = re.compile(
    r".*\.(?:com|net|org|edu|gov|mil|int|info|biz|name|pro|mobi|asia|museum|coop|aero|jobs|app|dev|online|site|tech|store|shop|cloud|club|"
    r"live|xyz|email|group|company|agency|space|world|today|life|blog|news|work|digital|[a-z]{2})"
)


def email(match: re.Match[str]) -> bool | None:
    """Not what RFC 2606 reserves, nobody's mailbox (info@, noreply@), and no stand-in."""
    local, domain = match["local"].lower(), match["domain"].lower()
    if len(local) == 1 and domain.index(".") <= 2:
        return None
    if _NO_DOMAIN.fullmatch(domain) or _NO_LOCAL.fullmatch(local):
        return None
    return bool(_COMMON_TLD.fullmatch(domain)) and not (_INVENTED.fullmatch(local) or _INVENTED_DOMAIN.fullmatch(domain))


_NO_VISITOR = frozenset("8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 4.2.2.2 208.67.222.222 208.67.220.220 1.2.3.4".split())
_VERSION = re.compile(
    r"(?:version|ver\.?|v|release|build|firmware|driver|section|chapter|rev|버전|版本|[/@=_-])[ \t:=]{0,3}\Z", re.IGNORECASE
)


def ipv4(match: re.Match[str]) -> bool | None:
    """An address that is public; not a version, an outline number or a public resolver."""
    parts = [int(part) for part in match[0].split(".")]
    if any(part > 255 for part in parts) or match[0] in _NO_VISITOR or max(parts) < 32 or is_monotone(match[0]):
        return None
    if match[0].startswith(("1.2.", "1.3.", "2.5.", "2.16.")):  # Object identifiers of ISO and ITU.
        return None
    if any(len(part) > 1 and part[0] == "0" for part in match[0].split(".")) or near(match, _VERSION, 12):
        return None
    return False if ipaddress.IPv4Address(".".join(map(str, parts))).is_global and parts[0] < 224 else None


def ipv6(match: re.Match[str]) -> bool | None:
    """An address that is public, not a public resolver's."""
    try:
        address = ipaddress.IPv6Address(match[0])
    except ValueError:
        return None
    known = match[0].lower().startswith(("2001:4860:4860:", "2606:4700:4700:", "2001:db8"))
    return False if address.is_global and not known else None


# ── phones ────────────────────────────────────────────────────────────────────────────────────────────────────────────

PHONE_WORD = re.compile(
    r"전화|연락처|휴대폰|핸드폰|휴대 ?전화|문의|팩스|번호는|\b(?:phone|tel|telephone|mobile|cell|fax|call|whatsapp|contact)\b|电话|手机|联系|電話|携帯|téléphone|☎|📞",
    re.IGNORECASE,
)
ACCOUNT_WORD = re.compile(
    r"계좌|입금|(?:국민|신한|우리|하나|기업|외환|씨티|제일|대구|부산|광주|전북|경남|제주|산업|농협|수협|신협|KB|NH|IBK|SC)[^\s0-9]{0,4}은행|농협|카카오뱅크|케이뱅크|토스뱅크|새마을금고|우체국"
)
ORDER_WORD = re.compile(
    r"주문|송장|운송장|접수|예약|상품|모델|(?:order|invoice|tracking|model|part|serial|isbn|issn|item|sku|ref(?:erence)?|case|ticket|doi|id)\b[^\n]{0,12}\Z",
    re.IGNORECASE,
)


def mobile_kr(match: re.Match[str]) -> bool | None:
    """01X numbers; after 010 no subscriber has 0000 to 1999 (figures of the Ministry of Science and ICT, in the press of 2018)."""
    digits = digits_of(match["number"])
    if set(digits) <= set("01") or (not match["separator"] and near(match, ORDER_WORD, 20)) or near(match, ACCOUNT_WORD, 16):
        return None
    return not is_monotone(digits[2:]) and (digits[0:2] != "10" or digits[2] not in "01")


def landline_kr(match: re.Match[str]) -> bool | None:
    """Area codes 02 to 064, internet telephony 070, personal numbers 050; free numbers 080 are a company's, so not certain."""
    if near(match, ACCOUNT_WORD, 16) or near(match, ORDER_WORD, 16):
        return None
    invented = is_monotone(match["rest"])
    return not match["area"].startswith("80") and not invented and bool(near(match, PHONE_WORD) or match["area"] in ("2", "70"))


def service_kr(match: re.Match[str]) -> bool | None:
    """A company's nationwide number; not a pair of years."""
    first, second = match[0].split("-")
    years = int(first) <= int(second) <= 2100
    return False if near(match, PHONE_WORD, 30) or not (years or near(match, ORDER_WORD, 20)) else None


# Country codes of ITU-T E.164 (list of 2016-11-15); not +1 and +82, which have forms of their own.
_COUNTRY = re.compile(
    r"(?:7|2(?:0|1[12368]|[2-4][0-9]|5[0-8]|6[0-9]|7|9[0178])|3(?:[0-469]|5[0-9]|7[0-8]|8[0-35-79])|4(?:[013-9]|2[013])|"
    r"5(?:[1-8]|0[0-9]|9[0-9])|6(?:[0-6]|7[02-9]|8[0-35-9]|9[0-2])|8(?:[146]|00|5[02356]|8[06])|9(?:[0-58]|6[0-8]|7[0-79]|9[2-68]))"
)


def international(match: re.Match[str]) -> bool | None:
    """A number with a country code and 8 to 15 digits; not those kept for films (Ofcom's +44 7700 900xxx and the like)."""
    digits = digits_of(match[0])
    if not 9 <= len(digits) <= 15 or not _COUNTRY.match(digits) or is_monotone(digits[2:]):
        return None
    if re.match(r"44(?:0?7700900|0?20794600|0?1(?:13|14|15|16|17|18|21|31|41|51|61)4960)", digits):
        return None
    return True if re.search(r"[ .()-]", match[0]) or near(match, PHONE_WORD) else None


_LIKE_NANP = re.compile(r"[2-9](?!11)[0-8][0-9][2-9](?!11)[0-9]{6}")
_FREE = frozenset("800 888 877 866 855 844 833 822 900 976".split())


def phone_us(match: re.Match[str]) -> bool | None:
    """The North American plan's area and exchange rules (nanpa.com); 555 is for films, 800 and the like are companies'."""
    digits = digits_of(match[0])[-10:]
    if not _LIKE_NANP.fullmatch(digits) or digits[3:6] == "555" or digits[:3] in _FREE | {"555"} or is_monotone(digits):
        return None
    if near(match, ACCOUNT_WORD, 20) or near(match, ORDER_WORD, 24):
        return None
    marked = match[0].startswith(("(", "+1", "1"))
    labelled = near(match, PHONE_WORD)
    if re.fullmatch(r"[0-9]{3} [0-9]{3} [0-9]{4}", match[0]) and not labelled:
        return None
    return marked or labelled


def phone_labelled(match: re.Match[str]) -> bool | None:
    """A form that any long number may have: only after a word for a phone."""
    return True if not is_monotone(match[0]) and near(match, PHONE_WORD, 16) else None


def phone_fr(match: re.Match[str]) -> bool | None:
    """French numbers in pairs; not a list of numbers that rise evenly."""
    pairs = [int(match[0][i : i + 2]) for i in range(0, 14, 3)]
    steps = {b - a for a, b in itertools.pairwise(pairs)}
    if len(steps) == 1 or is_monotone(match[0]):
        return None
    return True if near(match, PHONE_WORD) else (False if pairs[0] in (6, 7) else None)


def phone_jp(match: re.Match[str]) -> bool | None:
    """Japanese mobiles: 080 and 090, and no such form in Korea."""
    return None if is_monotone(match[0][3:]) else True
