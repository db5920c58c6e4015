// libFuzzer target: an ECMA-262 pattern, a line feed, and a text. What a pattern's language says of the text is the same
// whichever way it is asked, and its complement says the opposite.
#include "walk.h"

using namespace guidedgen;

namespace {

// The contents of the JSON string with plain spelling: the text itself, where nothing has to be escaped.
bool plain(std::string_view text) {
    for (char c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || static_cast<unsigned char>(c) >= 0x80) return false;
    return true;
}

bool reads(Texts& texts, Expressions& e, int32_t content, std::string_view text) {
    for (char c : text) content = texts.after(content, static_cast<uint8_t>(c));
    return e.at(content).nullable;
}

void check(std::string_view pattern, std::string_view text) {
    Expressions e(fuzz::limits());
    Texts texts(e);
    const int32_t content = texts.pattern(pattern), complement = texts.complement(content);
    if (!plain(text)) return;
    const bool holds = texts.holds(content, text);
    if (holds == texts.holds(complement, text)) fuzz::fail("a pattern and its complement agree", std::string(text));
    if (holds != reads(texts, e, content, text)) fuzz::fail("a text and its JSON string differ", std::string(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const size_t end = std::min(input.find('\n'), input.size());
    if (end > 400) return 0;
    fuzz::refused_by_name([&] { check(input.substr(0, end), input.substr(std::min(end + 1, input.size())).substr(0, 200)); });
    return 0;
}
