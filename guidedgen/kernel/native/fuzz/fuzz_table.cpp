// libFuzzer target: a grammar table that is well formed (guidedgen/kernel/validate.py refuses others), and a walk.
//
// A choice from 236 up is an opcode that was added later: older inputs of the corpus keep their meaning.
#include "lalr_source.h"
#include "walk.h"

using namespace guidedgen;
using fuzz::Source;
using fuzz::Tables;

namespace {

constexpr int32_t kAutomaton = 9, kLongest = 10, kLimited = 8, kLalr = 10;

std::vector<int32_t> several(Source& source, int32_t below) {
    std::vector<int32_t> list;
    for (int32_t n = source.below(5); n > 0; --n) list.push_back(source.below(below));
    return list;
}

std::vector<int32_t> bounds(Source& source) {
    static constexpr int32_t lows[] = {0, 0, 1, 1, 2, 3, 7, 100}, more[] = {-1, -1, 0, 1, 2, 5, 1000, 2'000'000'000};
    const int32_t low = lows[source.below(8)], extra = more[source.below(8)];
    return {low, extra < 0 ? -1 : low + extra};
}

// States in a row, each with a few edges to any of them; where edges count, to later ones alone.
std::vector<int32_t> automaton(Source& source) {
    const int32_t states = 1 + source.below(5), kind = source.below(3);
    std::vector<int32_t> first{0}, edges;
    for (int32_t s = 0; s < states; ++s) {
        int32_t byte = 'a';
        for (int32_t n = kind && s + 1 == states ? 0 : source.below(4); n > 0; --n) {
            const int32_t low = byte + source.below(2), high = low + source.below(2);
            const int32_t to = kind ? s + 1 + source.below(states - s - 1) : source.below(states);
            edges.insert(edges.end(), {low | high << 8 | (kind && source.below(2) ? 65536 : 0), to});
            byte = high + 1;
        }
        first.push_back(static_cast<int32_t>(edges.size() / 2));
    }
    const int32_t least = kind ? source.below(3) : 0;
    std::vector<int32_t> row{states, first.back(), least, kind == 2 ? least + source.below(3) : -1};
    row.insert(row.end(), first.begin(), first.end());
    row.insert(row.end(), edges.begin(), edges.end());
    row.push_back(source.below(1 << states));
    return row;
}

bool is_longest(const Tables& t, int32_t e) { return t.exprs[static_cast<size_t>(3 * e)] == kLongest; }

// LONGEST is a whole terminal: what others are made of is what it accepts.
int32_t part(const Tables& t, int32_t e) { return is_longest(t, e) ? t.exprs[static_cast<size_t>(3 * e + 1)] : e; }

void expression(Source& source, Tables& t) {
    const int32_t made = t.expressions(), choice = source.byte();
    int32_t op = choice < 236 ? choice % 9 : choice % 2 ? kAutomaton : kLongest, a = 0, b = 0;
    if (made == 0 && op > 3 && op != kAutomaton) op = 2;
    if (op == 2) {
        a = static_cast<int32_t>(t.byte_sets.size() / 32);
        t.byte_sets.resize(t.byte_sets.size() + 32, source.below(8) == 0 ? 0xFF : 0);
        for (int32_t n = source.below(4); n >= 0; --n) {
            const uint8_t byte = "abc\"{}[]01 \xC3\xA9"[source.below(13)];
            t.byte_sets[static_cast<size_t>(a) * 32 + (byte >> 3)] ^= static_cast<uint8_t>(1 << (byte & 7));
        }
    } else if (op == 3) {
        a = static_cast<int32_t>(t.literals.size());
        for (b = source.below(5); t.literals.size() < static_cast<size_t>(a + b);) t.literals.push_back("ab\"c"[source.below(4)]);
    } else if (op >= 4 && op <= 6) {
        std::vector<int32_t> list = several(source, made);
        for (int32_t& child : list) child = part(t, child);
        a = t.pooled(list);
        b = static_cast<int32_t>(list.size());
    } else if (op == 7 || op == 8) {
        a = part(t, source.below(made));
        if (op == 8) b = t.pooled(bounds(source));
    } else if (op == kAutomaton) {
        const std::vector<int32_t> row = automaton(source);
        a = t.pooled(row);
        b = static_cast<int32_t>(row.size());
    } else if (op == kLongest) {
        a = part(t, source.below(made));
        b = source.below(2) ? a : part(t, source.below(made));
    }
    t.expression(op, a, b);
}

// A line feed and blanks, several times: what the lines of a grammar with indentation end with.
int32_t newline(Tables& t) {
    const int32_t feed = t.expression(2, t.byte_set("\n")), blank = t.expression(2, t.byte_set(" "));
    const int32_t blanks = t.expression(8, blank, t.pooled({0, -1}));
    return t.symbol(0, t.expression(4, t.pooled({feed, blanks}), 2));
}

void lalr(Source& source, Tables& t) {
    std::vector<int32_t> terminals;
    for (int32_t n = 1 + source.below(4); n > 0; --n) terminals.push_back(t.symbol(0, source.below(t.expressions())));
    const int32_t lines = source.below(4) == 0 ? newline(t) : -1;
    const fuzz::LalrSource machine(source, std::move(terminals), lines);
    std::vector<int32_t> names;
    for (int32_t n = machine.nonterminals(); n > 0; --n) names.push_back(t.symbol(1));
    const std::vector<int32_t> row = machine.row(names);
    const int32_t offset = t.pooled(row);
    t.symbol(kLalr, offset, static_cast<int32_t>(row.size()));
}

void symbol(Source& source, Tables& t, int32_t count, int32_t special) {
    const int32_t made = t.count(), choice = source.byte();
    int32_t op = choice < 236 ? choice % 7 : choice % 2 ? kLimited : kLalr, a = 0, b = 0;
    if (op == kLalr) return lalr(source, t);
    if (made == 0 && op != 4 && op != 5 && op != kLimited) op = 0;
    if (op == 0) a = source.below(t.expressions());
    if (op == kLimited) {
        a = part(t, source.below(t.expressions()));
        b = 1 + source.below(6);
    }
    if (op == 5) a = source.below(count);
    if (op == 3) {
        a = source.below(made);
        b = t.pooled(bounds(source));
    }
    if (op == 1 || op == 2 || op == 4) {
        const std::vector<int32_t> list = op == 4 ? std::vector<int32_t>{special} : several(source, made);
        a = t.pooled(list);
        b = static_cast<int32_t>(list.size());
    }
    if (op == 6) {
        b = source.below(5);
        std::vector<int32_t> row{source.below(made), source.below(3) ? -1 : source.below(made)};
        for (int32_t bound : bounds(source)) row.push_back(bound);
        for (int32_t m = 0; m < b; ++m) {
            row.push_back(source.below(made));
            row.push_back(source.below(2));
        }
        a = t.pooled(row);
    }
    t.symbol(op, a, b);
}

template <class C>
void print(const char* name, const C& list) {
    std::printf("%s = [", name);
    for (const auto entry : list) std::printf("%d, ", static_cast<int>(entry));
    std::printf("]\n");
}

// With GUIDEDGEN_FUZZ_SHOW set: the arrays in Python, to make a test of what was found.
void show(const Tables& t) {
    if (!std::getenv("GUIDEDGEN_FUZZ_SHOW")) return;
    print("exprs", t.exprs);
    print("symbols", t.symbols);
    print("pool", t.pool);
    print("byte_sets", t.byte_sets);
    print("literals", t.literals);
    std::fflush(stdout);
}

void check(Source source) {
    static const std::shared_ptr<Vocabulary> names = fuzz::vocabulary();
    Tables t;
    t.literals.push_back(0);   // the address of nothing is no address
    const int32_t expressions = 1 + source.below(12), symbols = 1 + source.below(12);
    while (t.expressions() < expressions) expression(source, t);
    while (t.count() < symbols) symbol(source, t, symbols, names->size() - 1);
    t.pool.push_back(0);
    t.byte_sets.resize(t.byte_sets.size() + 32);
    show(t);
    const Table table{t.exprs.data(), t.symbols.data(), t.pool.data(), t.expressions(), t.count(), t.byte_sets.data(), t.literals.data(), t.count() - 1};
    std::shared_ptr<Grammar> grammar;
    try {
        grammar = std::make_shared<Grammar>(names, table, std::vector<JsonSource>{}, fuzz::limits());
    } catch (const std::invalid_argument&) {
        return;   // a collection with a part that derives the empty text, an automaton that counts in circles
    }
    bool counted = false;
    for (size_t s = 0; s < t.symbols.size(); s += 3) counted = counted || t.symbols[s] == kLimited;
    fuzz::Walk(grammar, nullptr, counted).run(source.rest(), source.left());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size <= 400) fuzz::refused_by_name([&] { check(Source(data, size)); });
    return 0;
}
