// The byte-shortest completion of a position, spelled with the fewest tokens.
//
// Exact distances guide the way: bytes left in the terminal, the least cost of what follows it in its production, and the
// least cost after each frame; so the text is written without search.
#pragma once

#include "positions.h"

namespace guidedgen {

class Shortest {
  public:
    Shortest(Arena& arena, const Trie& trie, const Limits& limits) : arena_(arena), trie_(trie), limits_(limits) {}

    std::vector<int32_t> tokens(const Position* p) {
        std::vector<int32_t> result;
        std::vector<uint8_t> text;
        Row* row = p->front.between;
        LexState* state = nullptr;
        int64_t best = row ? arena_.rows().cost(row) : kFar;
        for (const Reading& r : p->front.reading) {
            Row* after = arena_.rows().after(r.row, r.index);
            int64_t cost = arena_.lexer().distance(r.state) + arena_.rows().cost(after);
            if (cost < best) {
                best = cost;
                state = r.state;
                row = after;
            }
        }
        check_size(best);
        const int64_t before = arena_.memory();
        if (state) read_to_end(state, text);
        while (!row->accepting) {
            row = next_terminal(row, text, result);
            if (arena_.memory() - before > limits_.working_bytes()) too_large("cache_bytes", limits_.cache_bytes);
        }
        flush(text, result);
        return result;
    }

  private:
    static constexpr int64_t kBytesEach = 16;   // memory that writing one byte of the text takes

    [[noreturn]] static void too_large(const char* limit, int64_t value) {
        throw LimitError(limit, static_cast<double>(value), "the shortest completion is very long");
    }

    void check_size(int64_t cost) const {
        if (cost > limits_.steps) too_large("steps", limits_.steps);
        if (cost > limits_.working_bytes() / kBytesEach) too_large("cache_bytes", limits_.cache_bytes);
    }

    void read_to_end(LexState* s, std::vector<uint8_t>& text) {
        for (arena_.lexer().distance(s); s->distance > 0; s = s->nearest) {
            text.push_back(s->nearest_byte);
            arena_.lexer().distance(s->nearest);
        }
    }

    // Reads the terminal (or special token) that the cheapest completion of `row` begins with.
    Row* next_terminal(Row* row, std::vector<uint8_t>& text, std::vector<int32_t>& result) {
        Rows& rows = arena_.rows();
        rows.close(row);
        int64_t best = kFar;
        size_t which = row->terminals.size();
        const ExpectedTokens* token = nullptr;
        for (size_t i = 0; i < row->terminals.size(); ++i) {
            int64_t cost = length(row->terminals[i].start) + rows.cost(rows.after(row, i));
            if (cost < best) {
                best = cost;
                which = i;
            }
        }
        for (const ExpectedTokens& e : row->tokens) {
            if (int64_t cost = 1 + rows.cost(rows.make(e.after)); cost < best) {
                best = cost;
                token = &e;
            }
        }
        if (token) {
            flush(text, result);
            result.push_back(rows.symbols().token_list(token->list).front());
            return rows.make(token->after);
        }
        if (which == row->terminals.size()) throw std::logic_error("a row without completion");
        read_nonempty(row->terminals[which].start, text);
        return rows.after(row, which);
    }

    // A terminal that is read at all takes at least one byte; the empty text was considered when the row was closed.
    int64_t length(LexState* start) {
        if (!start->accepting) return arena_.lexer().distance(start);
        return 1 + arena_.lexer().distance(best_first(start).first);
    }

    void read_nonempty(LexState* start, std::vector<uint8_t>& text) {
        if (start->accepting) {
            auto step = best_first(start);
            text.push_back(step.second);
            start = step.first;
        }
        read_to_end(start, text);
    }

    std::pair<LexState*, uint8_t> best_first(LexState* start) {
        Lexer& lexer = arena_.lexer();
        lexer.prune(start);
        std::pair<LexState*, uint8_t> best{nullptr, 0};
        for (size_t g = 1; g < start->to.size(); ++g) {
            if (best.first && lexer.distance(start->to[g]) >= lexer.distance(best.first)) continue;
            best = {start->to[g], Lexer::pleasant(start->sets[g])};
        }
        return best;
    }

    // Fewest tokens whose bytes join to `text` (dynamic programming from the end).
    void flush(std::vector<uint8_t>& text, std::vector<int32_t>& result) {
        size_t n = text.size();
        constexpr int32_t kNone = INT32_MAX;
        std::vector<int32_t> fewest(n + 1, kNone), token(n, -1), length(n, 0);
        fewest[n] = 0;
        for (size_t i = n; i-- > 0;) {
            uint32_t node = 0;
            for (size_t j = i; j < n; ++j) {
                node = child(node, text[j]);
                if (!node) break;
                if (trie_.nodes[node].ntok && fewest[j + 1] != kNone && fewest[j + 1] + 1 < fewest[i]) {
                    fewest[i] = fewest[j + 1] + 1;
                    token[i] = trie_.tokens[trie_.nodes[node].tok];
                    length[i] = static_cast<int32_t>(j + 1 - i);
                }
            }
        }
        if (fewest[0] == kNone) throw SpellingError({text.begin(), text.end()});
        for (size_t i = 0; i < n; i += length[i]) result.push_back(token[i]);
        text.clear();
    }

    uint32_t child(uint32_t node, uint8_t byte) const {
        if (node == 0) return trie_.root_child[byte];
        for (uint32_t c = node + 1; c < trie_.nodes[node].skip; c = trie_.nodes[c].skip)
            if (trie_.nodes[c].byte == byte) return c;
        return 0;
    }

    Arena& arena_;
    const Trie& trie_;
    const Limits& limits_;
};

}  // namespace guidedgen
