# ruff: noqa: D103
"""English conversations with tool calls: single, parallel, one after another, and none."""

import hashlib
import json
from typing import Any

Row = dict[str, Any]


def schema(required: list[str], **properties: Row) -> Row:
    """A JSON Schema for the arguments of a tool."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def tool(name: str, description: str, parameters: Row) -> Row:
    """One entry of `tools`."""
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 1}, {"type": "number"}

TOOLS = {
    "get_weather": tool(
        "get_weather",
        "Weather now in a city",
        schema(["city", "unit"], city=TEXT, unit={"type": "string", "enum": ["celsius", "fahrenheit"]}),
    ),
    "convert_currency": tool(
        "convert_currency",
        "Change an amount of money into another currency",
        schema(["amount", "source", "target"], amount=NUMBER, source=TEXT, target=TEXT),
    ),
    "order_status": tool("order_status", "Where an order is", schema(["reference"], reference=TEXT)),
    "book_table": tool(
        "book_table",
        "Book a restaurant table",
        schema(["restaurant", "guests", "time"], restaurant=TEXT, guests=WHOLE, time=TEXT),
    ),
    "set_timer": tool("set_timer", "Start a timer", schema(["minutes", "label"], minutes=WHOLE, label=TEXT)),
    "find_recipe": tool("find_recipe", "Find a recipe", schema(["ingredient"], ingredient=TEXT, max_minutes=WHOLE)),
    "library_hours": tool(
        "library_hours",
        "Opening hours of a library branch",
        schema(
            ["branch", "day"],
            branch=TEXT,
            day={
                "type": "string",
                "enum": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"],
            },
        ),
    ),
    "room_climate": tool("room_climate", "Temperature and humidity of a room", schema(["room"], room=TEXT)),
    "next_train": tool(
        "next_train",
        "Next train between two stations",
        schema(["origin", "destination"], origin=TEXT, destination=TEXT),
    ),
    "dictionary": tool(
        "dictionary",
        "Look a word up",
        schema(["word"], word=TEXT, senses={"type": "integer", "minimum": 1, "maximum": 5}),
    ),
}

CITIES = ["Lisbon", "Oslo", "Busan", "Quito", "Perth", "Turin", "Galway", "Sapporo", "Tunis", "Malmo"]
SKIES = ["clear skies", "light rain", "thick fog", "a strong breeze", "scattered clouds", "snow showers"]
MONEY = [
    ("EUR", "KRW", 1500),
    ("USD", "EUR", 0.9),
    ("GBP", "USD", 1.25),
    ("JPY", "KRW", 9),
    ("CHF", "EUR", 1.05),
]
PLACES = [
    "Olive & Ash",
    "Miso Corner",
    "The Blue Door",
    "Casa Lola",
    "Haneul Table",
    "Fig Tree",
    "Northern Pie Co",
]
DISHES = [
    "lentils",
    "aubergine",
    "salmon",
    "tofu",
    "leeks",
    "chickpeas",
    "mushrooms",
    "cabbage",
    "squid",
    "pumpkin",
]
RECIPES = [
    "a warm salad",
    "a one-pan bake",
    "a quick curry",
    "stuffed parcels",
    "a clear soup",
    "crisp fritters",
]
BRANCHES = ["Riverside", "Old Mill", "Castle Street", "Parkgate", "Harbour", "Eastfield", "Station Road"]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
ROOMS = ["nursery", "cellar", "greenhouse", "study", "attic", "kitchen", "wine room", "workshop", "studio"]
STATIONS = ["York", "Leeds", "Durham", "Carlisle", "Derby", "Exeter", "Bath", "Truro", "Ely", "Crewe"]
LABELS = [
    "sourdough",
    "laundry",
    "chess clock",
    "green tea",
    "plank",
    "roast potatoes",
    "nap",
    "face mask",
    "rice",
]
STAGES = [
    "left the depot this morning",
    "waits for a missing lid",
    "is out for delivery",
    "was handed to your porter",
]
WORDS = [
    ("petrichor", "the smell of rain on dry ground"), ("gloaming", "the soft light after sunset"),
    ("defenestrate", "to throw out of a window"), ("lacuna", "a gap or missing part"),
    ("susurrus", "a whispering or rustling sound"), ("apricity", "the warmth of the sun in winter"),
    ("quire", "twenty-four sheets of paper"), ("limn", "to draw or describe"), ("tarn", "a small mountain lake"),
    ("hiraeth", "longing for a home that is gone"), ("sonder", "the sense that others live rich lives too"),
    ("crepuscular", "active at dawn and dusk"), ("vellichor", "the wistfulness of old bookshops"),
    ("brontide", "a low rumble of distant thunder"), ("psithurism", "wind rustling through trees"),
]  # fmt: skip

LEADS = [
    "I am packing for a short break.", "My hands are full of flour.", "We have guests tonight.", "Quick favour, please.",
    "I am writing a newsletter.", "The kids keep asking me.", "Before I leave the office,", "It has been a long day.",
    "I promised my aunt I would check.", "Planning ahead for once.", "My phone is nearly flat, so keep it short.",
    "I am settling a bet.", "Our book club meets soon.", "I left my notes at home.", "Morning!", "Sunday project time.",
    "My flatmate is no help here.",
]  # fmt: skip
CLOSINGS = [
    "Anything else you want me to look up?", "Have a good one.", "Shout if plans change.", "That is the latest I have.",
    "I can check again later.", "Hope that settles it.", "Enjoy the rest of your day.", "Tell me if you want more detail.",
    "Glad to help.", "You are all set.", "Good luck with it.", "I would go with that.", "Take care out there.",
]  # fmt: skip

ASKS = {
    "get_weather": ["what is it like outside in {city}?", "do I need a coat in {city} right now?", "tell me the weather for {city} in {unit}.", "is {city} warm or cold at the moment?"],
    "convert_currency": ["how much is {amount} {source} in {target}?", "turn {amount} {source} into {target} for me.", "what would I get in {target} for {amount} {source}?", "I found a price of {amount} {source}; what is that in {target}?"],
    "order_status": ["where is order {reference}?", "has {reference} been sent yet?", "any news on my parcel {reference}?", "could you trace {reference} for me?"],
    "book_table": ["get us a table for {guests} at {restaurant}, {time}.", "can you reserve {restaurant} at {time} for {guests} people?", "{guests} of us would like to eat at {restaurant} around {time}.", "book {restaurant}, {time}, party of {guests}."],
    "set_timer": ["set {minutes} minutes for the {label}.", "ping me in {minutes} minutes, it is for the {label}.", "start a {label} timer of {minutes} minutes.", "I need {minutes} minutes on the clock for the {label}."],
    "find_recipe": ["what can I cook with {ingredient} in {max_minutes} minutes?", "I have {ingredient} and about {max_minutes} minutes; ideas?", "find me something with {ingredient}, no longer than {max_minutes} minutes.", "dinner from {ingredient}, {max_minutes} minutes at most, please."],
    "library_hours": ["when does the {branch} library open on {day}?", "is {branch} library open late on {day}?", "opening times for {branch} on {day}, please.", "how long can I study at {branch} this {day}?"],
    "room_climate": ["is the {room} too damp?", "how warm is the {room} just now?", "read me the sensor in the {room}.", "should I air the {room}?"],
    "next_train": ["when is the next train from {origin} to {destination}?", "how soon can I leave {origin} for {destination}?", "next departure {origin} to {destination}?", "I am at {origin} station and need to reach {destination}."],
    "dictionary": ["what does {word} mean?", "somebody used the word {word}; define it.", "look up {word} for me.", "is {word} a real word?"],
}  # fmt: skip

SAYS = {
    "get_weather": ["{city} has {sky} and {degrees} degrees {unit}.", "Right now it is {degrees} degrees {unit} in {city}, with {sky}.", "Expect {sky} in {city}; the air is at {degrees} degrees {unit}."],
    "convert_currency": ["{amount} {source} comes to {result} {target}.", "At today's rate you would get {result} {target} for {amount} {source}.", "That is {result} {target}."],
    "order_status": ["Your order {reference} {stage}.", "Good news on {reference}: it {stage}.", "I looked it up, and {reference} {stage}."],
    "book_table": ["{restaurant} is expecting {guests} of you at {time}.", "Done: {time} at {restaurant}, {guests} seats by the {spot}.", "Your table for {guests} at {restaurant} is confirmed for {time}, near the {spot}."],
    "set_timer": ["The {label} timer is running for {minutes} minutes.", "{minutes} minutes for the {label}, starting now.", "I will call you when the {minutes} minutes for the {label} are over."],
    "find_recipe": ["Try {recipe} with {ingredient}; it takes {minutes} minutes.", "With {ingredient} you could make {recipe} in {minutes} minutes.", "How about {recipe}? Start with the {ingredient} and you eat in {minutes} minutes."],
    "library_hours": ["{branch} opens at {opens} and closes at {closes} on {day}.", "On {day} the {branch} library is open from {opens} to {closes}.", "You can be at {branch} between {opens} and {closes} on {day}."],
    "room_climate": ["The {room} is at {degrees} degrees with {humidity} percent humidity.", "Humidity in the {room} is {humidity} percent and it is {degrees} degrees in there.", "The sensor in the {room} reads {degrees} degrees and {humidity} percent."],
    "next_train": ["The next train from {origin} to {destination} leaves at {departs} from platform {platform}.", "Catch the {departs} from platform {platform}; it runs from {origin} straight to {destination}.", "{origin} to {destination} goes at {departs}, platform {platform}."],
    "dictionary": ["Here is one worth keeping: {word} means {meaning}.", "{word} means {meaning}.", "Yes, it is real. {word}: {meaning}."],
}  # fmt: skip


def arguments(name: str, k: int) -> tuple[Row, Row]:
    """What the k-th call of a tool asks for, and what the tool finds."""
    if name == "get_weather":
        unit = "fahrenheit" if k % 3 == 2 else "celsius"
        degrees = 41 + k * 3 % 40 if unit == "fahrenheit" else 3 + k * 5 % 27
        return {"city": CITIES[k % 10], "unit": unit}, {"sky": SKIES[k * 5 % 6], "degrees": degrees}
    if name == "convert_currency":
        source, target, rate = MONEY[k % 5]
        amount = 20 * (k * 7 % 61 + 2)
        return {"amount": amount, "source": source, "target": target}, {"result": round(amount * rate)}
    if name == "order_status":
        return {"reference": f"{'KLMPRTVX'[k % 8]}{'BDFHJ'[k % 5]}-{110 + 37 * k % 883}"}, {"stage": STAGES[k % 4]}
    if name == "book_table":
        spot = ["window", "fireplace", "bar", "garden door", "stairs"][k % 5]
        time = f"{17 + k % 5}:{(k * 15) % 60:02d}"
        return {"restaurant": PLACES[k % 7], "guests": 2 + k * 3 % 7, "time": time}, {"spot": spot}
    if name == "set_timer":
        return {"minutes": 3 + k * 7 % 50, "label": LABELS[k % 9]}, {"state": "running"}
    if name == "find_recipe":
        limit = 15 + 5 * (k % 8)
        found = {"recipe": RECIPES[k * 5 % 6], "minutes": limit - 3 - k % 3}
        return {"ingredient": DISHES[k % 10], "max_minutes": limit}, found
    if name == "library_hours":
        return {"branch": BRANCHES[k % 7], "day": DAYS[k % 6]}, {
            "opens": f"{8 + k % 3}:00",
            "closes": f"{17 + k % 5}:30",
        }
    if name == "room_climate":
        return {"room": ROOMS[k % 9]}, {"degrees": 11 + k * 3 % 14, "humidity": 34 + k * 7 % 45}
    if name == "next_train":
        found = {"departs": f"{6 + k % 15}:{(k * 13) % 60:02d}", "platform": 1 + k % 9}
        return {"origin": STATIONS[k % 10], "destination": STATIONS[(k + 3 + k // 10) % 10]}, found
    word, meaning = WORDS[(k // 10 + k) % 15]
    return {"word": word} if k % 2 else {"word": word, "senses": 1 + k % 3}, {"meaning": meaning}


def call_id(*key: object) -> str:
    """Nine letters and digits: the strictest id that any trainer asks for."""
    return "c" + hashlib.sha256(repr(key).encode()).hexdigest()[:8]


def call(name: str, asked: Row, *key: object) -> Row:
    """An assistant's call, arguments as a JSON string."""
    return {
        "id": call_id(name, *key),
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(asked)},
    }


def offered(names: list[str], k: int) -> list[Row]:
    """The tools in use and two that are not."""
    others = [name for name in TOOLS if name not in names]
    extra = [others[k % len(others)], others[(k + 3) % len(others)]]
    return [TOOLS[name] for name in sorted({*names, *extra})]


def lines(name: str, k: int) -> tuple[str, str]:
    """Question and answer of the k-th use of a tool."""
    asked, found = arguments(name, k)
    ask = ASKS[name][k % 4].format(**asked)
    return ask, SAYS[name][(k + k // 4) % 3].format(**asked, **found)


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def tool_chat(names: list[str], k: int, style: str) -> Row:
    """A conversation that uses the tools at once (`parallel`) or one after another (`steps`)."""
    lead, closing = LEADS[k * 5 % len(LEADS)], CLOSINGS[k * 4 % len(CLOSINGS)]
    asks, answers = zip(*(lines(name, k + part) for part, name in enumerate(names)), strict=True)
    question = f"{lead} " + (" ".join([asks[0] if lead.endswith(",") else capital(asks[0]), *map(capital, asks[1:])]))
    messages: list[Row] = [{"role": "user", "content": question}]
    calls = [call(name, arguments(name, k + part)[0], k, part, style) for part, name in enumerate(names)]
    results = [json.dumps(arguments(name, k + part)[1]) for part, name in enumerate(names)]
    rounds = [list(range(len(names)))] if style == "parallel" else [[part] for part in range(len(names))]
    for parts in rounds:
        messages.append({"role": "assistant", "content": "", "tool_calls": [calls[part] for part in parts]})
        messages += [{"role": "tool", "tool_call_id": calls[part]["id"], "content": results[part]} for part in parts]
    messages.append({"role": "assistant", "content": " ".join([*map(capital, answers), closing])})
    return {"messages": messages, "tools": offered(names, k)}


TALK = [
    ("You can look things up, right? What sort of things?", "I can check the weather, trains, library hours and a few more things; just ask in your own words."),
    ("Never mind the tools for a second. Is a tomato a fruit?", "In botany it is a fruit, since it holds the seeds, but cooks treat it as a vegetable."),
    ("Thanks for earlier, the soup turned out lovely.", "I am so pleased to hear that. Leftovers keep for two days in the fridge."),
    ("Give me one reason to learn the cello.", "It sings in the range of the human voice, so even simple tunes sound rich."),
    ("Which is heavier, a kilo of feathers or a kilo of iron?", "They weigh the same, though the feathers would fill a far bigger box."),
]  # fmt: skip


def tools_en() -> list[Row]:
    """Single calls, parallel calls, calls in steps and plain talk, mixed."""
    names = list(TOOLS)
    found = [tool_chat([names[(k + k // 10) % 10]], k, "parallel") for k in range(130)]
    parallel = [tool_chat([names[k % 10], names[(k * 3 + 1) % 10]], 200 + k, "parallel") for k in range(32)]
    steps = [tool_chat([names[(k * 7 + 2) % 10], names[(k + 5) % 10]], 300 + k, "steps") for k in range(18)]
    talk = [
        {
            "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}],
            "tools": offered([], k),
        }
        for k, (q, a) in enumerate(TALK)
    ]
    for spacing, others in ((4, parallel), (7, steps), (23, talk)):
        for k, sample in enumerate(others):
            found.insert(spacing * (k + 1), sample)
    return found
