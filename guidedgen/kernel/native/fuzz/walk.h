// What must hold of every grammar at every position, checked along a walk that the fuzzer's bytes choose.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "../matcher.h"

namespace guidedgen::fuzz {

[[noreturn]] inline void fail(const std::string& what, const std::string& text) {
    std::fprintf(stderr, "law broken: %s, after \"%s\"\n", what.c_str(), text.c_str());
    std::abort();
}

// All bytes, JSON's punctuation in runs, some words, a special token, and pieces of characters.
inline std::vector<std::string> tokens() {
    std::vector<std::string> list;
    for (int b = 0; b < 256; ++b) list.emplace_back(1, static_cast<char>(b));
    for (const char* text : {"{\"", "\": ", "\", \"", "\"}", "\"]", ", ", "[[", "]]", "}}", "[{", "}, {", "null", "true", "tr", "false", "\": [", "\": {\"", "\\u", "\\u00", "\\\"", "00",
                             "12", "1.5", "e1", "-1", "ab", "abc", "aa", "ba", "bc", "  ", "\n  ", "\xC3\xA9", "\xE2\x82", "\xF0\x9F\x98\x80", "\"a", "a\": ", "b\"", "kind"})
        list.emplace_back(text);
    list.emplace_back("");   // a special token
    return list;
}

inline std::shared_ptr<Vocabulary> vocabulary() {
    const std::vector<std::string> list = tokens();
    std::string bytes;
    std::vector<int64_t> offsets{0};
    for (const std::string& token : list) {
        bytes += token;
        offsets.push_back(static_cast<int64_t>(bytes.size()));
    }
    return std::make_shared<Vocabulary>(reinterpret_cast<const uint8_t*>(bytes.data()), offsets.data(), static_cast<int32_t>(list.size()));
}

// Small enough that no input takes long; large enough for whatever is not meant to.
inline Limits limits() {
    Limits l;
    l.steps = 3'000'000;
    l.expressions = 300'000;
    l.states = 20'000;
    l.cache_bytes = 16 << 20;
    l.milliseconds = 200;
    return l;
}

class Walk {
  public:
    // `complete`: asked of every text that is; `counted`: tokens are, so that a byte may come as part of a longer token only.
    Walk(std::shared_ptr<Grammar> grammar, std::function<void(const std::string&)> complete, bool counted = false)
        : grammar_(std::move(grammar)), complete_(std::move(complete)), counted_(counted), names_(tokens()) {}

    void run(const uint8_t* choices, size_t count) {
        Handle at = grammar_->start();
        for (size_t i = 0; i <= count && i < kLongest; ++i) {
            check(at);
            if (i == count || std::chrono::steady_clock::now() > end_) return;
            const int32_t token = chosen(choices[i]);
            if (token < 0) return;
            text_ += names_[static_cast<size_t>(token)];
            const Handle before = at;
            at = grammar_->advance(at, token);
            if (!at.position) fail("a token of the mask is refused", text_);
            if (!counted_) spell(before, at, names_[static_cast<size_t>(token)]);
        }
    }

  private:
    static constexpr size_t kLongest = 48, kFewMore = 64;

    bool allowed(int32_t token) const { return (mask_[static_cast<size_t>(token) >> 5] >> (token & 31)) & 1; }

    // The token that is the byte itself, or one of those that are allowed.
    int32_t chosen(uint8_t choice) const {
        if (allowed(choice)) return choice;
        std::vector<int32_t> list;
        for (int32_t t = 0; t < grammar_->vocab_size(); ++t)
            if (allowed(t)) list.push_back(t);
        return list.empty() ? -1 : list[choice % list.size()];
    }

    // A token leads where its bytes lead one after another.
    void spell(Handle now, const Handle& after, const std::string& name) {
        if (name.size() < 2) return;
        for (char byte : name) {
            now = grammar_->advance(now, static_cast<uint8_t>(byte));
            if (!now.position) fail("a byte of a token is refused: " + name, text_);
        }
        if (now.position->accepting != after.position->accepting || !(grammar_->allowed(now) == grammar_->allowed(after)))
            fail("a token leads elsewhere than its bytes: " + name, text_);
    }

    void check(const Handle& at) {
        mask_.assign(at.arena->words(), 0);
        grammar_->fill(at, -1, mask_.data());
        bool any = false;
        const ByteSet next = grammar_->allowed(at);
        ByteSet begun;
        for (int32_t t = 0; t < grammar_->vocab_size(); ++t) {
            any |= allowed(t);
            const std::string& name = names_[static_cast<size_t>(t)];
            const bool taken = grammar_->advance(at, t).position != nullptr;
            if (taken != allowed(t)) fail(taken ? "a token that is taken is not in the mask: " + name : "a token of the mask is refused: " + name, text_);
            if (name.size() == 1 && !counted_ && next.has(static_cast<uint8_t>(name[0])) != taken) fail("the allowed bytes are not those of the mask: " + name, text_);
            if (taken && !name.empty()) begun.add(static_cast<uint8_t>(name[0]));
        }
        if (counted_ ? !((begun | next) == next) : !(begun == next)) fail("the allowed bytes are not those that tokens of the mask begin with", text_);
        if (!any && !at.position->accepting) fail("a dead end", text_);
        if (at.position->accepting && complete_) complete_(text_);
        complete(at);
    }

    // The shortest completion completes, and masks with its length as the budget lead there.
    void complete(const Handle& at) {
        const std::vector<int32_t> rest = grammar_->shortest(at);
        if (rest.size() > kFewMore) return;
        Handle now = at;
        std::string text = text_;
        for (size_t i = 0; i < rest.size(); ++i) {
            std::vector<uint32_t> steered(at.arena->words(), 0);
            grammar_->fill(now, static_cast<int64_t>(rest.size() - i), steered.data());
            if (!((steered[static_cast<size_t>(rest[i]) >> 5] >> (rest[i] & 31)) & 1)) fail("a mask whose budget is the shortest completion lacks its token", text);
            text += names_[static_cast<size_t>(rest[i])];
            now = grammar_->advance(now, rest[i]);
            if (!now.position) fail("the shortest completion is refused", text);
        }
        if (!now.position->accepting) fail("the shortest completion does not complete", text);
        if (complete_) complete_(text);
    }

    std::shared_ptr<Grammar> grammar_;
    std::function<void(const std::string&)> complete_;
    bool counted_;
    std::vector<std::string> names_;
    std::vector<uint32_t> mask_;
    std::string text_;
    const std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + std::chrono::seconds(2);
};

// A target for libFuzzer ends well where the input is refused by name.
template <class F>
void refused_by_name(F run) {
    try {
        run();
    } catch (const LimitError&) {
    } catch (const SchemaError&) {
    } catch (const UnsatisfiableError&) {
    } catch (const SpellingError&) {
    }
}

}  // namespace guidedgen::fuzz
