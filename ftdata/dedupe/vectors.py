"""Vector instruction sequences that numba does not make of a loop: a bag against 64 others at once, bits of two signatures.

LLVM turns the lanes into whatever the processor has (one AVX-512 register, two of AVX2, four of NEON). Imported by the
numba kernels only.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

# Untyped on purpose: what is built here are instructions, which a type checker cannot follow.
ir: Any = import_module("llvmlite.ir")
types: Any = import_module("numba.core.types")
cgutils: Any = import_module("numba.core.cgutils")
intrinsic: Callable[[Callable[..., Any]], Any] = import_module("numba.extending").intrinsic

LANES = 64
_GROUPS = 4  # partial sums of one byte each, so that 4 * 255 can be told apart


@intrinsic
def lanes_within(typing: Any, tile: Any, bag: Any, limit: Any) -> Any:
    """Bit mask of the lanes whose bag lacks at most `limit` characters of this bag.

    `tile` and `bag` are addresses: a tile holds bucket k of its 64 bags in bytes 64 * k to 64 * k + 63.
    """
    signature = types.uint64(types.uint64, types.uint64, types.uint64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile, bag, limit = arguments
        byte, short = ir.IntType(8), ir.IntType(16)
        bytes_, shorts = ir.VectorType(byte, LANES), ir.VectorType(short, LANES)
        saturating = ir.FunctionType(bytes_, (bytes_, bytes_))
        subtract = cgutils.get_or_insert_function(builder.module, saturating, f"llvm.usub.sat.v{LANES}i8")
        add = cgutils.get_or_insert_function(builder.module, saturating, f"llvm.uadd.sat.v{LANES}i8")
        tiles = builder.inttoptr(tile, bytes_.as_pointer())
        counts = builder.inttoptr(bag, byte.as_pointer())
        first_lane = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)

        def broadcast(value: Any, kind: Any) -> Any:
            single = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), first_lane)

        def group(start: int) -> Any:
            total = ir.Constant(bytes_, None)
            for bucket in range(start, start + LANES // _GROUPS):
                at = ir.Constant(ir.IntType(64), bucket)
                theirs = builder.load(builder.gep(tiles, [at]), align=1)
                ours = broadcast(builder.load(builder.gep(counts, [at]), align=1), bytes_)
                total = builder.call(add, [total, builder.call(subtract, [ours, theirs])])
            return builder.zext(total, shorts)

        limits = broadcast(builder.trunc(limit, short), shorts)
        total = group(0)
        for number in range(1, _GROUPS):
            total = builder.add(total, group(number * LANES // _GROUPS))
        within = builder.icmp_unsigned("<=", total, limits)
        return builder.bitcast(within, ir.IntType(64))

    return signature, generate


WORDS = 32  # 64-bit words that differing_bits reads
_STEP = 8


@intrinsic
def differing_bits(typing: Any, left: Any, right: Any) -> Any:
    """Number of bits in which the WORDS words at two addresses differ."""
    signature = types.int64(types.uint64, types.uint64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        words = ir.VectorType(word, _STEP)
        count = cgutils.get_or_insert_function(builder.module, ir.FunctionType(words, (words,)), f"llvm.ctpop.v{_STEP}i64")
        ours, theirs = (builder.inttoptr(address, words.as_pointer()) for address in arguments)
        total = ir.Constant(words, None)
        for step in range(WORDS // _STEP):
            at = ir.Constant(word, step)
            a, b = (builder.load(builder.gep(base, [at]), align=8) for base in (ours, theirs))
            total = builder.add(total, builder.call(count, [builder.xor(a, b)]))
        add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(word, (words,)), f"llvm.vector.reduce.add.v{_STEP}i64"
        )
        return builder.call(add, [total])

    return signature, generate


@intrinsic
def lowest_bit(typing: Any, mask: Any) -> Any:
    """Position of the lowest bit set in a word that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def count_bits(typing: Any, mask: Any) -> Any:
    """Number of bits set in a word."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


SIDE = 8  # texts whose subsequence tables advance side by side
SYMBOLS = 256


@intrinsic
def advance_tables(typing: Any, rows: Any, masks: Any, texts: Any, row: Any, first: Any, last: Any) -> Any:
    """One row of Hyyrö's recurrence in the words first..last of SIDE tables.

    Addresses: rows of uint64[words, SIDE], masks of uint64[words, SYMBOLS], texts of uint64[SIDE], which hold the
    addresses of SIDE texts of bytes; byte `row` of each is the next one.
    """
    signature = types.void(types.uint64, types.uint64, types.uint64, types.int64, types.int64, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, masks, texts, row, first, last = arguments
        word = ir.IntType(64)
        words, numbers = ir.VectorType(word, SIDE), ir.IntType(32)
        tables = builder.inttoptr(rows, words.as_pointer())
        places = builder.inttoptr(masks, word.as_pointer())
        addresses = builder.inttoptr(texts, word.as_pointer())
        starts = []
        for lane in range(SIDE):
            text = builder.inttoptr(builder.load(builder.gep(addresses, [ir.Constant(word, lane)])), ir.IntType(8).as_pointer())
            symbol = builder.zext(builder.load(builder.gep(text, [row])), word)
            starts.append(builder.gep(places, [symbol]))
        carry = cgutils.alloca_once_value(builder, ir.Constant(words, None))
        with cgutils.for_range_slice(builder, first, last, ir.Constant(word, 1)) as (at, _):
            skip = builder.mul(at, ir.Constant(word, SYMBOLS))
            mask = ir.Constant(words, ir.Undefined)
            for lane in range(SIDE):
                bits = builder.load(builder.gep(starts[lane], [skip]))
                mask = builder.insert_element(mask, bits, ir.Constant(numbers, lane))
            place = builder.gep(tables, [at])
            value = builder.load(place, align=8)
            match = builder.and_(value, mask)
            added = builder.add(value, match)
            grown = builder.add(added, builder.load(carry))
            over = builder.or_(builder.icmp_unsigned("<", added, value), builder.icmp_unsigned("<", grown, added))
            builder.store(builder.zext(over, words), carry)
            builder.store(builder.or_(grown, builder.sub(value, match)), place, align=8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def tables_within(typing: Any, rows: Any, last: Any, size: Any, remaining: Any, needs: Any) -> Any:
    """Bit mask of the SIDE tables that can still reach their needs.

    What a table has found up to a word's last column, and all that can follow: the text's rest from the word's first
    column (`size` characters in all), but no more than the other text's `remaining` ones. Addresses: rows of
    uint64[words, SIDE], remaining and needs of int64[SIDE].
    """
    signature = types.int64(types.uint64, types.int64, types.int64, types.uint64, types.uint64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, last, size, remaining, needs = arguments
        word, numbers = ir.IntType(64), ir.IntType(32)
        words = ir.VectorType(word, SIDE)
        nothing = ir.Constant(words, None)
        count = cgutils.get_or_insert_function(builder.module, ir.FunctionType(words, (words,)), f"llvm.ctpop.v{SIDE}i64")
        tables = builder.inttoptr(rows, words.as_pointer())
        left = builder.load(builder.inttoptr(remaining, words.as_pointer()), align=8)
        need = builder.load(builder.inttoptr(needs, words.as_pointer()), align=8)
        found = cgutils.alloca_once_value(builder, nothing)
        alive = cgutils.alloca_once_value(builder, ir.Constant(ir.VectorType(ir.IntType(1), SIDE), None))
        with cgutils.for_range_slice(builder, ir.Constant(word, 0), last, ir.Constant(word, 1)) as (at, _):
            value = builder.load(builder.gep(tables, [at]), align=8)
            total = builder.add(builder.load(found), builder.call(count, [builder.not_(value)]))
            builder.store(total, found)
            rest = builder.sub(size, builder.shl(at, ir.Constant(word, 6)))
            single = builder.insert_element(ir.Constant(words, ir.Undefined), rest, ir.Constant(numbers, 0))
            rests = builder.shuffle_vector(
                single, ir.Constant(words, ir.Undefined), ir.Constant(ir.VectorType(numbers, SIDE), None)
            )
            follow = builder.select(builder.icmp_signed("<", rests, left), rests, left)
            enough = builder.icmp_signed(">=", builder.add(total, follow), need)
            builder.store(builder.or_(builder.load(alive), enough), alive)
        return builder.zext(builder.bitcast(builder.load(alive), ir.IntType(SIDE)), word)

    return signature, generate
