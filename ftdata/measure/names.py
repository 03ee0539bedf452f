"""Find names of people and Korean addresses, where a label or the form leaves little doubt. No list of names, no model."""

from __future__ import annotations

import re

_SURNAME = (
    "(?:남궁|황보|제갈|선우|독고|사공|서문|[김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석"
    "선설마길연위표명기반라왕금옥육인맹제모탁국어은편용예경봉])"
)
# A surname and two syllables more: with one, every other word would be a name. What follows must end the word.
NAME_KR = rf"{_SURNAME}[가-힣]{{2}}"
_END_KR = r"(?=님|씨|입니다|이에요|예요|이요|이고|이라고|라고|이며|[^가-힣A-Za-z]|\Z)"
LABEL_KR = r"(?:이름|성명|성함|고객명|회원명|환자명|예금주|수취인|수령인|신청인|계약자|받는 ?(?:분|사람)|보내는 ?(?:분|사람))"
NAME_HINT_KR = rf"{LABEL_KR}\"?[ \t]{{0,2}}(?:[:：]|은|는)|(?:이름|성함)[^\n]{{0,40}}\n|(?:상담사|상담원|담당자|매니저) [가-힣]{{3}}(?:입|이|예)"
NAME_FORM_KR = re.compile(
    rf"(?<![가-힣]){LABEL_KR}\"?[ \t]{{0,2}}(?:[:：][ \t]{{0,2}}\"?|(?:은|는)[ \t]{{1,2}})(?P<name>{NAME_KR}){_END_KR}"
    # A question for the name, and the answer on the speaker's next line.
    rf"|(?:이름|성함)[^\n]{{0,40}}\n{{1,3}}[^\n:：]{{1,8}}[:：] ?(?:네[,.]? ?)?(?:제 이름은 ?|저는 ?)?(?P<answer>{NAME_KR})(?=입니다|이에요|예요|이요|이고|요[.,]|[.,]? ?\n)"
)
# What a form says where a name would be, and words that begin with a surname's syllable.
NO_NAME_KR = re.compile(
    "이름|성명|성함|미정|미상|없음|고객|회원|정보|이용|사용|주소|전화|연락|번호|예시|예명|가명|신청|주문|기타|모두|모름|무엇|누구|어떤|어떻|우리|이것|그것|저것|"
    "이거|여기|한글|영문|한국|국어|주민|성별|나이|직업|이메|이런|이렇|하나|오늘|지금|아마|아직|인간|문자|변수|서비|장소|제품|상품|파일|함수|공백|전체|현재|유명|정해|고유|원래|남자|여자"
)

_SENTENCE_NAME = (
    r"[A-Z][a-z]{1,15}(?: [A-Z]\.| [A-Z][a-z]{1,15})? (?:(?:Mc|Mac|O'|De|Di|Van )?[A-Z][a-z]{1,18}(?:-[A-Z][a-z]{1,18})?)"
)
NAME_HINT_EN = r"[Mm]y (?:full )?name is |(?:[Nn]ame|NAME)\*{0,2}:|[a-z]_name\"?:"
NAME_FORM_EN = re.compile(
    rf"[Mm]y (?:full )?name is (?P<said>{_SENTENCE_NAME})(?![A-Za-z])"
    # A line of a form. In JSON a bare "name" is anything's: a product's, a function's.
    rf"|(?:\A|[\n\r|*•])[ \t]{{0,8}}(?:[-*] ?)?(?:(?:Full|Customer|Patient|Contact|Client|Employee|Student|Applicant|Cardholder|Guest|Passenger|Tenant) )?"
    rf"(?:[Nn]ame|NAME)\*{{0,2}}:\*{{0,2}}[ \t]{{0,3}}(?P<labelled>{_SENTENCE_NAME})(?=\*{{0,2}}[ \t]{{0,3}}(?:[\n\r,;|]|\Z))"
    rf"|\"(?:full|customer|patient|client|employee|student|applicant|cardholder|passenger)_name\": ?\"(?P<field>{_SENTENCE_NAME})\""
)
NO_NAME_EN = re.compile(
    r"\b(?:Your|First|Last|Full|Name|Company|Inc|Ltd|Corp|University|College|School|Institute|Hospital|Bank|Hotel|Restaurant|City|Street|"
    r"The|New|North|South|East|West|San|Los|Of|And|For|Project|Product|Team|Group|Club|Center|Centre|Park|Island|Mr|Mrs|Dr|Doe|Smithson|"
    r"Assistant|Bot|Chat|Model|Language|Open|Data|Test|User|Customer|Person|Someone|Unknown|None|Not|Android|Windows|Google|Apple|Amazon)\b"
)

REGION_KR = (
    "(?:(?:서울|부산|대구|인천|광주|대전|울산|세종)(?:특별자치시|특별시|광역시|시)?|경기도?|강원(?:특별자치)?도?|"
    "충청[남북]도|전라[남북]도|경상[남북]도|[충전경][남북]도?|전북특별자치도|제주(?:특별자치)?도?)"
)
_UNIT = r"[0-9]{1,4}(?:동|호|층)(?!선|짜리|부터|까지)"
_BUILDING = r"(?:[가-힣]{1,5}동 )?[가-힣A-Za-z0-9]{0,10}(?:아파트|빌딩|빌라|타워|오피스텔|맨션|하우스|주공)"
_DETAIL = rf"(?:,? ?(?:{_BUILDING}|지하 ?[0-9]층|{_UNIT})){{0,4}}"
_NUMBER = r"[0-9]{1,4}(?:-[0-9]{1,4})?"
# A count, not a house number: 3개, 15명, 20년.
_COUNTED = r"(?![0-9])(?! ?(?:개|명|년|월|일|시간?|분|원|회|대|위|주|세|살|천|만|억|조|배|퍼센트|%|km|m|차선|호선|킬로|미터|여|번째|가지|곳))"
ADDRESS_HINT_KR = r"[시군구] {1,2}(?:[가-힣]{1,6}[읍면] {1,2})?(?:[가-힣0-9·]{1,10}(?:로|길|동|리|가) ?[0-9A-Za-z가-힣]|[0-9]{1,4}(?:-[0-9]{1,4})? ?번지)"
ADDRESS_FORM_KR = re.compile(
    rf"(?<![가-힣])(?:{REGION_KR} {{1,2}})?(?:[가-힣]{{1,5}}[시군구] {{1,2}}){{1,2}}(?:[가-힣]{{1,6}}[읍면] {{1,2}})?"
    rf"(?:[가-힣0-9·]{{1,10}}?(?:로|길) ?(?:[0-9]{{1,4}}(?:번길|번지길|길|가) ?)?{_NUMBER}(?:번지|번길|길)?{_COUNTED}"
    rf"|[가-힣]{{1,6}}[0-9]?(?:동|리|가) ?{_NUMBER}(?: ?번지|호)?{_COUNTED}"
    rf"|{_NUMBER} ?번지|[가-힣]{{1,6}}[0-9]?(?:동|리|가) (?={_BUILDING} {_UNIT})){_DETAIL}"
)
LABEL_ADDRESS_KR = re.compile(r"주소|배송|거주|자택|사는|살고|배달|받으실|집은")


def name_kr(match: re.Match[str]) -> bool | None:
    """A Korean name after its label; 홍길동 is Korea's John Doe."""
    name = match["name"] or match["answer"] or match["clerk"]
    if NO_NAME_KR.match(name):
        return None
    return name != "홍길동"


def name_en(match: re.Match[str]) -> bool | None:
    """A name of two or three words after its label, none of them a word of companies, places or forms."""
    name = match["said"] or match["labelled"] or match["field"]
    return None if NO_NAME_EN.search(name) else match["labelled"] is None


def address_kr(match: re.Match[str]) -> bool | None:
    """A Korean address with its number: certain with a flat, a floor or a label, else it may be a public building's."""
    before = match.string[max(0, match.start() - 30) : match.start()]
    return bool(re.search("[동호층]\\Z", match[0]) or LABEL_ADDRESS_KR.search(before))
