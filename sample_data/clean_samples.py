# ruff: noqa: D102
"""The samples without faults. Every function returns the same list on every machine."""

import hashlib
import json
from itertools import count
from typing import Any

from korean import fill
from sources import groups, phrases, rows, tips, topics

Row = dict[str, Any]
PHRASES = phrases()

BANMAL_SYSTEM = "너는 스물다섯 살 동네 친구 '루미'야. 언제나 다정한 반말로, 세 문장에서 다섯 문장으로 짧게 말해."
SUPPORT_KO_SYSTEM = "당신은 온라인 상점 '모아'의 고객 상담원입니다. 한국어 문의에는 부드러운 해요체로 답합니다."
SUPPORT_EN_SYSTEM = "You are the support agent of Harbour & Co. Be friendly, be brief and give the next step."
DOMAIN_SYSTEM = "법률과 의료 정보를 누구나 알기 쉽게, 합쇼체로 안내합니다."
JSON_SYSTEM = (
    "Always answer in JSON with the keys intent, product, urgency, needs_human and summary. "
    "Write the summary in the customer's language."
)


def chat(*turns: str, system: str | None = None) -> Row:
    """An OpenAI chat sample whose turns alternate between user and assistant."""
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "assistant" if k % 2 else "user", "content": turn} for k, turn in enumerate(turns)]
    return {"messages": messages}


def pick(items: list[str], *key: object) -> str:
    """A choice that depends only on the key."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return items[int.from_bytes(digest[:8], "big") % len(items)]


class Deal:
    """Hands out phrases in turn, so that each is used about equally often and neighbours differ."""

    def __init__(self) -> None:
        self._next: dict[str, count[int]] = {}

    def __call__(self, name: str, step: int = 1, start: int = 0) -> str:
        k = next(self._next.setdefault(name, count(start)))
        n = len(PHRASES[name])
        return PHRASES[name][(k * step + k // n) % n]


# --- style ------------------------------------------------------------------------------------------------------------


def style_ko_banmal() -> list[Row]:
    """Every pair of tips of every topic, in 반말."""
    deal, found = Deal(), []
    blocks = topics("banmal_ko.txt")
    for pair in groups(4, 2):
        for topic, facts in blocks:
            (a, tip_a), (b, tip_b) = (tips(facts)[k] for k in pair)
            ask = fill(deal("banmal_ask", 3), t=topic, a=a, b=b)
            answer = " ".join([deal("banmal_open", 7), tip_a, tip_b, deal("banmal_close", 5)])
            found.append(chat(f"{deal('banmal_lead', 9)} {ask}", answer, system=BANMAL_SYSTEM))
    return found


def support_en() -> list[Row]:
    """Every pair, then every triple, of tips of every topic, as English customer support."""
    deal, found = Deal(), []
    blocks = topics("support_en.txt")
    for group in groups(4, 2, 3):
        for topic, facts in blocks:
            chosen = [tips(facts)[k] for k in group]
            names = [name for name, _ in chosen]
            ask = fill(deal("en_ask", 3), t=topic, a=" plus ".join(names[:-1]), b=names[-1])
            answer = " ".join([deal("en_open", 4), *(tip for _, tip in chosen), deal("en_close", 5)])
            found.append(chat(f"{deal('en_lead', 5)} {ask}", answer, system=SUPPORT_EN_SYSTEM))
    return found


def support_ko() -> list[Row]:
    """Every pair, then every triple, of tips of every topic, as Korean customer support in 해요체."""
    deal, found = Deal(), []
    blocks = topics("support_ko.txt")
    for group in groups(4, 2, 3):
        for topic, facts in blocks:
            chosen = [tips(facts)[k] for k in group]
            names = [name for name, _ in chosen]
            ask = fill(deal("support_ask", 5), t=topic, a=", ".join(names[:-1]), b=names[-1])
            answer = " ".join([deal("support_open", 5), *(tip for _, tip in chosen), deal("support_close", 6)])
            found.append(chat(f"{deal('support_lead', 3)} {ask}", answer, system=SUPPORT_KO_SYSTEM))
    return found


# --- domain -----------------------------------------------------------------------------------------------------------

ASPECTS = {
    "medical": [
        ["정확한 뜻", "어떤 상태인지", "기본 개념"],
        ["생기는 까닭", "원인", "잘 걸리는 이유"],
        ["대표적인 증상", "흔한 증상", "알아차릴 수 있는 신호"],
        ["집에서 하는 관리", "생활 속 대처법", "혼자 해 볼 수 있는 방법"],
        ["병원에 가야 하는 때", "위험 신호", "진료가 급한 경우"],
        ["알아 두면 좋은 점", "더 알아 둘 상식", "오래 챙길 부분"],
    ],
    "legal": [
        ["뜻", "제도의 의미", "기본 개념"],
        ["요건", "해당하는 조건", "인정되는 기준"],
        ["신청 방법", "절차", "밟아야 할 순서"],
        ["준비할 자료", "필요한 서류", "챙겨 둘 자료"],
        ["기한과 비용", "걸리는 시간과 돈", "기간이나 비용 기준"],
        ["주의할 점", "놓치기 쉬운 부분", "조심할 사항"],
    ],
}


def joined(names: list[str]) -> str:
    """A Korean list: A와 B, or A, B, C."""
    return fill("{a:과} {b}", a=names[0], b=names[1]) if len(names) == 2 else ", ".join(names)


def domain_sample(field: str, topic_number: int, k: int, topic: str, facts: list[str], group: tuple[int, ...]) -> Row:
    """One question about two or three sides of a topic."""
    leads = PHRASES[f"{field}_lead"]
    lead, remark = leads[(topic_number * 11 + k * 7) % len(leads)].split("|")
    asks = PHRASES[f"{field}_ask"]
    group = (0, *(side for side in group if side)) if 0 in group else group
    names = [pick(ASPECTS[field][side], topic, k, side) for side in group]
    ask = fill(asks[(topic_number * 4 + k) % len(asks)], t=topic, L=joined(names))
    body = [facts[side] for side in group]
    answer = [remark, *body] if k % 3 == 2 else [*body, remark]
    return chat(f"{lead} {ask}", " ".join(answer), system=DOMAIN_SYSTEM)


def domain_legal_medical_ko() -> list[Row]:
    """Pairs, then triples, of facts of each medical and legal topic."""
    blocks = [("medical", *block) for block in topics("medical_ko.txt")]
    blocks += [("legal", *block) for block in topics("legal_ko.txt")]
    blocks.sort(key=lambda block: hashlib.sha256(block[1].encode()).digest())
    sides = groups(6, 2, 3)
    return [
        domain_sample(field, number, k, topic, facts, sides[k])
        for k in range(len(sides))
        for number, (field, topic, facts) in enumerate(blocks)
    ]


# --- task: always JSON ------------------------------------------------------------------------------------------------

# What fits where: only an electric thing can be switched on, only a sized one comes in another size.
PRODUCTS = {
    "ko": {
        "electric": ["무선 청소기", "전기 주전자", "공기청정기", "전동 칫솔", "가습기", "블루투스 스피커", "원두 그라인더", "독서등", "선풍기", "전기 밥솥", "체중계"],
        "sized": ["러닝화", "우비", "자전거 헬멧", "아기 띠", "요가 매트", "겨울 이불", "작업 앞치마"],
        "assembled": ["캠핑 의자", "접이식 책상", "유아 식탁", "신발장", "책장", "옷걸이 행거", "고양이 탑"],
    },
    "en": {
        "electric": ["desk lamp", "bread maker", "baby monitor", "electric kettle", "air fryer", "table fan", "hand blender", "bathroom scale", "label printer", "milk frother", "door bell"],
        "sized": ["rain jacket", "wool blanket", "backpack", "cycling jersey", "sleeping bag", "bath robe", "yoga mat"],
        "assembled": ["office chair", "cat tree", "bookcase", "garden bench", "shoe rack", "folding table", "coat stand"],
    },
}  # fmt: skip
NEEDS = {
    ("damaged", 1): "electric",
    ("how_to", 0): "electric",
    ("how_to", 2): "assembled",
    ("exchange", 1): "sized",
}
HARD = {("damaged", 0), ("damaged", 2)}

# intent: what the customer says, and how the summary puts it.
INTENTS = {
    "ko": {
        "late_delivery": [
            ("주문한 {p:이} 약속한 날이 지났는데 안 와요.", "{p} 도착이 예정일보다 늦어짐"),
            ("{p} 배송 기록이 사흘째 같은 곳에 멈춰 있습니다.", "{p} 배송 기록이 사흘째 멈춤"),
            ("도착한다던 {p:이} 아직도 물류 센터에 있다고 나오네요.", "{p:이} 물류 센터에 머물러 있음"),
        ],
        "damaged": [
            ("상자를 열어 보니 {p} 한쪽이 깨져 있었어요.", "받은 {p}의 한쪽이 깨짐"),
            ("{p:을} 처음 켰는데 타는 냄새가 나고 멈춰 버렸습니다.", "{p:을} 쓰자마자 고장 남"),
            ("새로 온 {p}에 긁힌 자국이 여러 군데 보입니다.", "새 {p}에 긁힌 자국이 많음"),
        ],
        "refund": [
            ("{p:을} 돌려보낸 지 열흘인데 돈이 안 들어왔어요.", "{p} 반품 뒤 환불이 늦어짐"),
            ("생각과 달라서 {p:을} 반품하고 돈을 돌려받고 싶습니다.", "{p} 단순 변심 환불 요청"),
            ("{p} 값이 두 번 빠져나간 것 같으니 한 건은 취소해 주세요.", "{p} 중복 결제 취소 요청"),
        ],
        "exchange": [
            ("{p} 색이 화면과 달라서 다른 색으로 바꾸고 싶어요.", "{p} 색상 교환 요청"),
            ("{p} 크기를 잘못 골랐는데 한 단계 큰 것으로 되나요?", "{p:을} 더 큰 크기로 교환 희망"),
            ("선물받은 {p:을} 같은 값의 다른 모델로 바꿀 수 있을까요?", "선물받은 {p}의 모델 교환 문의"),
        ],
        "how_to": [
            ("{p} 설명서를 봐도 처음 설정하는 순서를 모르겠습니다.", "{p} 초기 설정 방법 문의"),
            ("{p:을} 세척할 때 물로 씻어도 되는지 알려 주세요.", "{p} 물세척 가능 여부 문의"),
            ("{p:을} 조립하다가 나사 두 개가 남았는데 괜찮은가요?", "{p} 조립 뒤 남은 나사 문의"),
        ],
        "stock": [
            ("품절된 {p:은} 언제 다시 들어오나요?", "{p} 재입고 시기 문의"),
            ("{p:을} 서른 개쯤 한꺼번에 살 수 있는지 궁금합니다.", "{p} 대량 구매 가능 여부 문의"),
            ("매장에도 {p} 재고가 남아 있는지 봐 주시겠어요?", "매장의 {p} 재고 확인 요청"),
        ],
    },
    "en": {
        "late_delivery": [
            (
                "The {p} I ordered was due on Monday and has not turned up.",
                "{p} has missed its delivery date",
            ),
            ("Tracking for my {p} has shown the same depot for four days.", "Tracking for the {p} is stuck"),
            (
                "You promised the {p} before the weekend, yet it never left the warehouse.",
                "{p} has not been dispatched",
            ),
        ],
        "damaged": [
            ("My {p} arrived with a crack along one side.", "{p} arrived cracked"),
            ("The {p} worked for ten minutes and then went dead.", "{p} failed on first use"),
            (
                "Someone had clearly used this {p} before; it is scuffed all over.",
                "New {p} shows signs of use",
            ),
        ],
        "refund": [
            (
                "I sent the {p} back two weeks ago and my bank shows nothing.",
                "Refund for returned {p} is overdue",
            ),
            ("The {p} is not for me, so I would like my money back.", "Customer wants to return the {p}"),
            ("I seem to have paid twice for one {p}.", "Double payment for the {p}"),
        ],
        "exchange": [
            ("Could I swap the {p} for the blue one?", "Colour swap wanted for the {p}"),
            ("I picked the wrong size of {p} and need the next one up.", "Larger {p} wanted in exchange"),
            (
                "This {p} was a gift; may I change it for another model?",
                "Gifted {p} to be changed for another model",
            ),
        ],
        "how_to": [
            ("I have read the leaflet and still cannot set up the {p}.", "Help needed to set up the {p}"),
            ("Is it safe to wash the {p} under running water?", "Asks whether the {p} can be washed"),
            (
                "Two screws were left over after I put the {p} together.",
                "Leftover screws after assembling the {p}",
            ),
        ],
        "stock": [
            ("When will the {p} be back in stock?", "Asks when the {p} returns to stock"),
            ("Can I buy the {p} in bulk, thirty in all?", "Bulk order question for the {p}"),
            ("Does your Leeds shop still have the {p} on the shelf?", "Shop stock check for the {p}"),
        ],
    },
}

# urgency: what the customer adds, and how the summary puts it.
URGENCIES = {
    "ko": {
        "low": [
            ("급하지 않으니 시간 날 때 답해 주세요.", "급하지 않음"),
            ("그냥 궁금해서 남겨 봅니다.", "참고용 문의"),
            ("천천히 알려 주셔도 괜찮습니다.", "답변을 기다릴 수 있음"),
            ("다음 달에 써도 되니 편하실 때 봐 주세요.", "다음 달까지 여유 있음"),
        ],
        "normal": [
            ("이번 주 안에만 알려 주시면 됩니다.", "이번 주 안 답변 희망"),
            ("주말에 쓰려고 하니 그 전에 부탁드려요.", "주말 전 처리 희망"),
            ("며칠 안에 정리되면 좋겠어요.", "며칠 안 처리 희망"),
            ("금요일 저녁까지 답을 받으면 충분합니다.", "금요일까지 답변 희망"),
        ],
        "high": [
            ("내일 아침에 꼭 필요하니 오늘 안으로 해결해 주세요.", "오늘 안 해결 요구"),
            ("아이가 다칠 뻔해서 당장 연락이 필요합니다.", "안전 문제로 즉시 연락 요구"),
            ("벌써 세 번째 말씀드리는데 더는 못 기다립니다.", "세 번째 문의로 즉시 처리 요구"),
            ("두 시간 뒤에 손님이 오시니 지금 바로 봐 주세요.", "두 시간 안 처리 요구"),
        ],
    },
    "en": {
        "low": [
            ("No rush at all.", "not urgent"),
            ("I am only curious.", "for information"),
            ("Answer whenever it suits you.", "happy to wait"),
            ("Next month would be early enough.", "can wait until next month"),
        ],
        "normal": [
            ("A reply this week would be great.", "reply wanted this week"),
            ("I would like it settled before Saturday.", "to be settled before Saturday"),
            ("Please sort it out in the next few days.", "fix wanted within days"),
            ("Friday evening is soon enough for an answer.", "answer wanted by Friday"),
        ],
        "high": [
            ("I need it tomorrow morning, so please act today.", "action needed today"),
            (
                "My child nearly got hurt, so somebody must call me now.",
                "safety concern, immediate contact wanted",
            ),
            (
                "This is the third time I write and I will not wait longer.",
                "third message, immediate action wanted",
            ),
            ("Guests arrive in two hours, so look into it right now.", "action wanted within two hours"),
        ],
    },
}

OPENINGS = {
    "ko": [
        "안녕하세요.", "수고 많으십니다.", "여기가 고객 문의 맞나요?", "늦은 시간에 죄송해요.", "단골 고객입니다.",
        "매번 잘 쓰고 있어요.", "아내 대신 글 남겨요.", "앱에서 상담 단추를 눌렀어요.", "지난달 행사 때 샀습니다.",
        "후기를 보고 골랐는데요.", "출근길에 급히 적어요.", "어르신이 쓰실 물건이라 여쭤요.", "답변이 빠르다고 들었어요.",
    ],
    "en": [
        "Hello there.", "Good evening.", "Hi, long-time customer here.", "Sorry to bother you.", "Writing for my mother.",
        "I bought this in the spring sale.", "My neighbour loves your shop.", "Greetings from a rainy Sunday.",
        "I hope this reaches the right desk.", "Typing this on the bus.", "Your reviews convinced me.",
        "I usually order by phone.", "We just opened a small guest house.",
    ],
}  # fmt: skip


DETAILS = {
    "ko": [
        "상자와 설명서는 그대로 있어요.", "판매 화면에는 아무 말이 없더라고요.", "동네 매장에서는 본사에 물어보라고 했어요.",
        "가족 모두가 기다리고 있습니다.", "지난번 상담 때는 금방 해결됐거든요.", "결제는 포인트와 카드를 섞어서 했어요.",
        "집을 비우는 날이 많은 편이에요.", "비슷한 후기가 몇 개 보였습니다.", "영수증은 서랍에 잘 두었어요.",
        "같은 물건을 두 번째 샀습니다.", "주문할 때 요청 사항도 적었어요.", "안내 방송만 듣다가 끊었습니다.",
        "회사 비품으로 등록해야 합니다.", "겉포장은 멀쩡했어요.", "게시판에는 답이 없었습니다.", "아직 후기는 쓰지 않았어요.",
        "다른 색도 함께 보고 있어요.",
    ],
    "en": [
        "The box and the leaflet are still here.", "The product page says nothing about it.", "Your shop in town sent me to you.",
        "The whole family is waiting.", "Last time you solved things quickly.", "I paid partly with points.",
        "We are out on most weekdays.", "I saw a few reviews like mine.", "The receipt is safe in a drawer.",
        "It is the second one I have bought.", "I left a note when ordering.", "I gave up after the hold music.",
        "It has to go on our office inventory.", "The outer wrapping looked fine.", "Your forum had no answer.",
        "I have not written a review yet.", "I am looking at other colours as well.",
    ],
}  # fmt: skip


def json_sample(language: str, k: int) -> Row:
    """The k-th message of a language, sorted into one fixed schema."""
    intents, urgencies = list(INTENTS[language].items()), list(URGENCIES[language].items())
    issue_number, wish_number = k % 18, (k + k // 18) % 12
    intent, said = intents[issue_number % 6]
    issue, summary = said[issue_number // 6]
    kind = NEEDS.get((intent, issue_number // 6))
    fitting = [item for name, items in PRODUCTS[language].items() if kind in (None, name) for item in items]
    if (intent, issue_number // 6) in HARD:
        fitting = PRODUCTS[language]["electric"] + PRODUCTS[language]["assembled"]
    again = k // 216  # every issue has met every wish once
    product = fitting[(k // 18 * 5 + k % 7 + again * 2) % len(fitting)]
    urgency, wishes = urgencies[wish_number % 3]
    wish, short_wish = wishes[wish_number // 3]
    opening, detail = OPENINGS[language][k * 5 % 13], DETAILS[language][(k * 3 + k // 17) % 17]
    if again:
        detail += " " + DETAILS[language][(k * 3 + k // 17 + 5) % 17]
    answer: Row = {
        "intent": intent,
        "product": product,
        "urgency": urgency,
        "needs_human": urgency == "high" or intent == "refund",
        "summary": fill(f"{summary}, {short_wish}", p=product),
    }
    answer["summary"] = answer["summary"][0].upper() + answer["summary"][1:]
    text = fill(f"{opening} {issue} {detail} {wish}", p=product)
    return chat(text, json.dumps(answer, ensure_ascii=False), system=JSON_SYSTEM)


def task_json() -> list[Row]:
    """Korean and English messages in turn."""
    return [json_sample(language, k) for k in range(325) for language in ("ko", "en")]


# --- other formats ----------------------------------------------------------------------------------------------------


def preference_ko() -> list[Row]:
    """Helpful answers preferred to vague ones, from the Korean support topics."""
    deal, found = Deal(), []
    names = [topic for topic, _ in topics("support_ko.txt")]
    for k, sample in enumerate(support_ko()):
        system, user, assistant = sample["messages"]
        vague = f"{deal('vague_open', 3)} {fill(deal('vague_close', 2), t=names[k % len(names)])}"
        found.append(
            {
                "input": {"messages": [system, user]},
                "preferred_output": [assistant],
                "non_preferred_output": [{"role": "assistant", "content": vague}],
            }
        )
    return found


def general() -> list[Row]:
    """Short general questions, English and Korean in turn."""
    english = [chat(*row) for row in rows("general_en.txt")]
    korean = [chat(*row) for row in rows("general_ko.txt")]
    mixed = [sample for pair in zip(english, korean, strict=False) for sample in pair]
    return mixed + english[len(korean) :]


def sharegpt_ko() -> list[Row]:
    """Two questions and two answers about one topic; each answer closes only one conversation among the first sixty."""
    found = []
    for k, pair in enumerate([(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3)]):
        for number, (topic, facts) in enumerate(topics("chat_ko.txt")):
            (a, tip_a), (b, tip_b) = (tips(facts)[side] for side in pair)
            first = [
                "{t} 이야기인데 {a:이} 궁금해요.",
                "{t}에서 {a:은} 어떻게 하면 좋을까요?",
                "{t}, {a}부터 알려 주세요.",
            ]
            then = [
                "그럼 {b:은} 어때요?",
                "고마워요. {b}도 알려 주세요.",
                "{b:은} 따로 챙길 게 있나요?",
                "좋네요. 이어서 {b} 얘기도요.",
            ]
            turns = [
                fill(first[(number + k) % 3], t=topic, a=a), tip_a, fill(then[(number + 3 * k) % 4], b=b), tip_b,
            ]  # fmt: skip
            speakers = ["human", "gpt", "human", "gpt"]
            found.append({"conversations": [{"from": s, "value": t} for s, t in zip(speakers, turns, strict=True)]})
    return found


def alpaca_ko() -> list[Row]:
    """Small writing tasks."""
    return [dict(zip(("instruction", "input", "output"), row, strict=True)) for row in rows("alpaca_ko.txt")]


def prompt_completion_en() -> list[Row]:
    """Small language tasks."""
    return [dict(zip(("prompt", "completion"), row, strict=True)) for row in rows("completion_en.txt")]
