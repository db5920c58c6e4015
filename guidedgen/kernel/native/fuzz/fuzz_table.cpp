// libFuzzer target: a grammar table that is well formed (guidedgen/kernel/validate.py refuses others), and a walk.
//
// Bytes are read as a stream of choices; one that has ended gives zeros, so that every input is a grammar.
#include "walk.h"

using namespace guidedgen;

namespace {

class Source {
  public:
    Source(const uint8_t* data, size_t size) : data_(data), size_(size) {}
    uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
    int32_t below(int32_t n) { return n > 0 ? byte() % n : 0; }
    const uint8_t* rest() const { return data_ + at_; }
    size_t left() const { return size_ - at_; }

  private:
    const uint8_t* data_;
    size_t size_, at_ = 0;
};

struct Tables {
    std::vector<int32_t> exprs, symbols, pool;
    std::vector<uint8_t> byte_sets, literals;

    int32_t expressions() const { return static_cast<int32_t>(exprs.size() / 3); }
    int32_t count() const { return static_cast<int32_t>(symbols.size() / 3); }
    int32_t pooled(const std::vector<int32_t>& list) {
        pool.insert(pool.end(), list.begin(), list.end());
        return static_cast<int32_t>(pool.size() - list.size());
    }
};

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

void expression(Source& source, Tables& t) {
    const int32_t made = t.expressions();
    int32_t op = source.below(9), a = 0, b = 0;
    if (made == 0 && op > 3) op = 2;
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
        const std::vector<int32_t> list = several(source, made);
        a = t.pooled(list);
        b = static_cast<int32_t>(list.size());
    } else if (op >= 7) {
        a = source.below(made);
        if (op == 8) b = t.pooled(bounds(source));
    }
    t.exprs.insert(t.exprs.end(), {op, a, b});
}

void symbol(Source& source, Tables& t, int32_t count, int32_t special) {
    const int32_t made = t.count();
    int32_t op = source.below(7), a = 0, b = 0;
    if (made == 0 && op != 4 && op != 5) op = 0;
    if (op == 0) a = source.below(t.expressions());
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
    t.symbols.insert(t.symbols.end(), {op, a, b});
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
    const Table table{t.exprs.data(), t.symbols.data(), t.pool.data(), expressions, symbols, t.byte_sets.data(), t.literals.data(), symbols - 1};
    std::shared_ptr<Grammar> grammar;
    try {
        grammar = std::make_shared<Grammar>(names, table, std::vector<JsonSource>{}, fuzz::limits());
    } catch (const std::invalid_argument&) {
        return;   // a collection with a part that derives the empty text
    }
    fuzz::Walk(grammar, nullptr).run(source.rest(), source.left());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size <= 400) fuzz::refused_by_name([&] { check(Source(data, size)); });
    return 0;
}
