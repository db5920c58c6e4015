// The texts of strings whose content is a JSON document in base64 (RFC 4648, 4), worked out character by character.
//
// Three bytes are four characters of six bits. A state is what the whole bytes say, and the bits of the one that is begun. Pad
// bits are zero, as encoders must write them (RFC 4648, 3.5). The bytes are UTF-8 without a byte order mark (RFC 8259, 8.1).
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "chars.h"
#include "json_reading.h"
#include "lazy_states.h"

namespace guidedgen {

class Base64Documents : public Derivation {
  public:
    // Encodings alone, as an ECMA-262 pattern.
    static constexpr const char* kPattern = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?";

    Base64Documents(Expressions& expressions, Spellings& spellings, int32_t self)
        : e_(expressions), spellings_(spellings), states_(expressions), self_(self) {}

    int32_t start() override { return e_.lazy(self_, states_.intern({})); }

    bool accepts(int32_t id) const override {
        const State& s = states_[id];
        return s.phase == kPadded || (s.phase == 0 && s.document.complete());
    }

    int32_t nearest(int32_t id) const override { return characters(states_[id]); }

    Partition derive(int32_t id) override {
        const State s = states_[id];
        std::vector<std::pair<int32_t, CharSet>> moves;   // where to, by which characters
        for (unsigned sextet = 0; sextet < 64 && s.phase <= kThird; ++sextet)
            if (auto next = after(s, sextet)) add(moves, states_.intern(*next), character(sextet));
        if (auto next = padded(s)) add(moves, states_.intern(*next), '=');
        std::vector<int32_t> options;
        for (const auto& move : moves) options.push_back(e_.concat(spellings_.spell(move.second), e_.lazy(self_, move.first)));
        return e_.derive(e_.either(std::move(options)));
    }

  private:
    // Characters of a group that were read; then those of the padding.
    enum Phase : uint8_t { kThird = 3, kOneMore = 4, kPadded = 5 };
    static constexpr int32_t kNever = 1 << 20;

    struct State {
        JsonReading document;
        uint8_t phase = 0, bits = 0;   // the high bits of the next byte: 6, 4 or 2 in the phases 1 to 3
        bool operator==(const State& o) const { return document == o.document && phase == o.phase && bits == o.bits; }
        uint64_t hash() const { return mix(document.hash(), static_cast<uint64_t>(phase << 8 | bits)); }
    };

    static char character(unsigned sextet) { return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[sextet]; }

    static void add(std::vector<std::pair<int32_t, CharSet>>& moves, int32_t target, char by) {
        const CharSet chars = CharSet::single(static_cast<uint8_t>(by));
        for (auto& move : moves)
            if (move.first == target) {
                move.second = move.second | chars;
                return;
            }
        moves.emplace_back(target, chars);
    }

    static std::optional<State> after(const State& s, unsigned sextet) {
        State next = s;
        next.phase = (s.phase + 1) & 3;
        if (s.phase == 0) {
            next.bits = static_cast<uint8_t>(sextet);
        } else {
            const int taken = 2 * s.phase;   // bits that complete the byte
            const auto whole = s.document.after(static_cast<uint8_t>(s.bits << taken | sextet >> (6 - taken)));
            if (!whole) return std::nullopt;
            next.document = *whole;
            next.bits = static_cast<uint8_t>(sextet & ((1u << (6 - taken)) - 1));
        }
        return characters(next) < kNever ? std::optional(next) : std::nullopt;
    }

    static bool may_end(const State& s) { return (s.phase == 2 || s.phase == kThird) && s.bits == 0 && s.document.complete(); }

    static std::optional<State> padded(const State& s) {
        if (s.phase != kOneMore && !may_end(s)) return std::nullopt;
        State next;   // nothing else matters any more
        next.phase = s.phase == 2 ? kOneMore : kPadded;
        return next;
    }

    // The fewest characters that complete the text; kNever where no byte goes on from the bits.
    static int32_t characters(const State& s) {
        if (s.phase > kThird) return kPadded - s.phase;
        int32_t bytes = s.phase == 0 ? s.document.nearest() : may_end(s) ? 0 : kNever;
        for (unsigned low = 0, free = 2u * s.phase; s.phase != 0 && low < 1u << free; ++low)
            if (const auto next = s.document.after(static_cast<uint8_t>(s.bits << free | low))) bytes = std::min(bytes, 1 + next->nearest());
        if (bytes >= kNever) return kNever;
        const int32_t whole = s.phase == 0 ? 0 : s.phase - 1;   // bytes of the group
        return (whole + bytes + 2) / 3 * 4 - s.phase;
    }

    Expressions& e_;
    Spellings& spellings_;
    States<State> states_;
    int32_t self_;
};

}  // namespace guidedgen
