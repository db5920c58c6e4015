// Whether a text can be completed on a stack of an automaton under an obligation, from what is proved of its states (lalr_proof.h).
//
// Anything that is ignored may come first, and leave other obligations. If under one of them some terminal can be read that leads to a clean
// stack, the text can be completed; if there is none that can be read at all, and the text may not end here, it cannot.
#pragma once

#include "rows.h"

namespace guidedgen {

enum class Answer : uint8_t { No, Yes, Unknown };

class LalrViability {
  public:
    // `stack`: all of its states are clean.
    LalrViability(Rows& rows, Symbols& symbols, const LalrTrial<Item>& stack)
        : rows_(rows), machine_(stack.machine), lexemes_(symbols.lexemes(machine_)),
          work_(symbols.lexer().expressions()), stack_(stack) {}

    // `ends`: the ways to end from a state of the lexer.
    template <class Ends>
    Answer goes_on(int32_t obligation, Ends ends) {
        LalrTrial<Item> end = stack_;
        const bool ends_here = end.end();   // but what stands behind may have to wait for another end
        const bool bracketed = machine_.newline >= 0 && machine_.blocks.brackets(stack_.blocks) > 0;
        Answer answer = ends_here ? Answer::Unknown : Answer::No;
        std::vector<int32_t> met{obligation};
        for (size_t i = 0; i < met.size(); ++i) {
            if (ends_here && rows_.lets_end(stack_.base, met[i])) return Answer::Yes;
            const Answer here = reads(met[i], bracketed);
            if (here == Answer::Yes) return here;
            if (here == Answer::Unknown) answer = here;
            auto skip = [&](int32_t terminal, bool ignored) {
                const auto& starts = lexemes_.under(met[i], stack_.top(), terminal, -1, ignored);
                if (!starts.empty() && rows_.clean_after(stack_, terminal)) return true;
                for (LexState* start : starts)
                    for (const auto& end : ends(start))
                        if (std::find(met.begin(), met.end(), end.obligation) == met.end()) met.push_back(end.obligation);
                return false;
            };
            for (int32_t t : machine_.ignored)
                if (skip(t, true)) return Answer::Yes;
            if (bracketed && skip(machine_.newline, false)) return Answer::Yes;
            if (met.size() > kMost) return Answer::Unknown;
        }
        return answer;
    }

  private:
    static constexpr size_t kMost = 32;   // obligations

    // Whether some terminal can be read under an obligation.
    Answer reads(int32_t obligation, bool bracketed) {
        Answer answer = Answer::No;
        machine_.each_terminal(stack_.top(), [&](int32_t t) {
            if (answer == Answer::Yes || t == machine_.end_of_text() || machine_.terminal_symbol[t] < 0 || t == machine_.newline) return;
            if (!lexemes_.under(obligation, stack_.top(), t, -1, false).empty())
                note(answer, [t](LalrTrial<Item>& trial) { return trial.read_text(t); });
        });
        if (machine_.newline < 0 || bracketed || machine_.action(stack_.top(), machine_.newline) == Lalr::kNone) return answer;
        const int32_t last = machine_.blocks.column(stack_.blocks);
        for (int32_t b = stack_.blocks; b >= 0 && answer != Answer::Yes; b = machine_.blocks.outer(b))
            read_line(obligation, machine_.blocks.column(b), answer);
        machine_.each_deeper(last, [&](int32_t column) {
            if (answer != Answer::Yes) read_line(obligation, column, answer);
        });
        return answer;
    }

    // Whether the newline can be read there is tried first: its lexemes, one for each column, are made where it can.
    void read_line(int32_t obligation, int32_t column, Answer& answer) {
        auto may_begin = [&] { return !lexemes_.under(obligation, stack_.top(), machine_.newline, column, false).empty(); };
        note(answer, [&](LalrTrial<Item>& trial) { return trial.read_newline(column) && may_begin(); });
    }

    template <class F>
    void note(Answer& answer, F read) {
        LalrTrial<Item> trial = stack_;
        work_.spend(1);
        if (!read(trial) || !rows_.ends(trial)) return;
        answer = rows_.clean(trial) ? Answer::Yes : Answer::Unknown;
    }

    Rows& rows_;
    Lalr& machine_;
    LalrLexemes& lexemes_;
    Expressions& work_;
    const LalrTrial<Item>& stack_;
};

}  // namespace guidedgen
