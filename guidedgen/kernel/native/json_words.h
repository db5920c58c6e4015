// What keywords of a schema ask for, in words, with the JSON pointer of each. Made for explanations, when one is asked for;
// knows nothing of states.
#pragma once

#include "schema_keywords.h"

namespace guidedgen {

struct Demand {
    std::string pointer, wanted;   // pointer: of a keyword, or of a schema where no keyword of its own says it
    bool nowhere = false;          // JSON or the order of members asks for it, no place of the schema
    bool operator==(const Demand& o) const { return pointer == o.pointer && wanted == o.wanted && nowhere == o.nowhere; }
};

// `3 items`, `1 item`.
inline std::string counted(int64_t n, const std::string& what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

class Demands {
  public:
    explicit Demands(const SchemaTable& table) : table_(table) {
        for (const KeywordMark& mark : table.marks)
            if (mark.keyword >= 0 && mark.treatment != Treatment::Annotation) written_[mark.node] |= 1ull << mark.keyword;
    }

    std::vector<Demand> list;

    // A node that stands for a value of an enum, and not for a place of the schema.
    bool synthetic(int32_t node) const { return node < 0 || (node != table_.root && table_.nodes[node].place == 0); }

    void add(int32_t node, std::initializer_list<Keyword> keywords, const std::string& wanted, const std::string& below = "") {
        for (Keyword k : keywords) {
            if (!written(node, k)) continue;
            return put({table_.pointer_of(node) + "/" + std::string(info(k).name) + below, wanted});
        }
        put({table_.pointer_of(node), wanted});
    }

    void add_nowhere(const std::string& wanted) { put({"", wanted, true}); }

    void type(int32_t node) {
        if (table_.nodes[node].types != kAnyType) add(node, {Keyword::Type}, types(table_.nodes[node].types));
    }

    void values(int32_t node) {
        const SchemaNode& n = table_.nodes[node];
        if (!n.has_values) return;
        std::string text;
        for (size_t i = 0; i < n.values.size() && i < kFew; ++i) text += (i ? ", " : "") + value(n.values[i]);
        if (n.values.size() > kFew) text += " or " + std::to_string(n.values.size() - kFew) + " more";
        add(node, {Keyword::Const, Keyword::Enum}, (n.values.size() == 1 ? "" : "one of ") + text);
    }

    // `ends`, `goes_on`: whether it was the end of the string, or more of it, that was refused.
    void string(int32_t node, bool ends, bool goes_on) {
        const StringKeywords* s = table_.nodes[node].string.get();
        if (!s) return;
        if (ends && s->min_length > 0) add(node, {Keyword::MinLength}, "at least " + counted(s->min_length, "character"));
        if (goes_on && s->max_length >= 0) add(node, {Keyword::MaxLength}, "at most " + counted(s->max_length, "character"));
        if (s->pattern >= 0) add(node, {Keyword::Pattern}, "a string that matches " + cut(table_.text(s->pattern)));
        if (s->format >= 0) add(node, {Keyword::Format}, "a string of format " + table_.text(s->format));
        if (s->content) add(node, {Keyword::ContentEncoding, Keyword::ContentMediaType}, content(s->content));
    }

    static std::string content(uint8_t what) {
        return std::string(what & kJsonDocument ? "a JSON document" : "a string") + (what & kBase64 ? " in base64" : "");
    }

    // `digit`: it was a digit that was refused.
    void number(int32_t node, bool digit) {
        const SchemaNode& n = table_.nodes[node];
        if ((n.types & kNumber) == kInteger && !digit) add(node, {Keyword::Type}, "an integer");
        if (!n.number) return;
        const NumberKeywords& k = *n.number;
        if (k.minimum >= 0) add(node, {Keyword::Minimum}, "at least " + numeral(k.minimum));
        if (k.exclusive_minimum >= 0) add(node, {Keyword::ExclusiveMinimum}, "more than " + numeral(k.exclusive_minimum));
        if (k.maximum >= 0) add(node, {Keyword::Maximum}, "at most " + numeral(k.maximum));
        if (k.exclusive_maximum >= 0) add(node, {Keyword::ExclusiveMaximum}, "less than " + numeral(k.exclusive_maximum));
        if (k.multiple_of >= 0) add(node, {Keyword::MultipleOf}, "a multiple of " + numeral(k.multiple_of));
    }

    std::string quoted(int32_t text) const { return "\"" + cut(table_.text(text)) + "\""; }

    // `the key "a"`, `one of the keys "a", "b"`.
    std::string keys(const std::vector<int32_t>& texts) const {
        std::string list;
        for (size_t i = 0; i < texts.size() && i < kFew; ++i) list += (i ? ", " : "") + quoted(texts[i]);
        if (texts.size() > kFew) list += " or " + std::to_string(texts.size() - kFew) + " more";
        return (texts.size() == 1 ? "the key " : "one of the keys ") + list;
    }

    static std::string types(uint8_t types) {
        static const std::pair<uint8_t, const char*> names[] = {
            {kString, "a string"}, {kNumber, "a number"}, {kInteger, "an integer"}, {kObject, "an object"},
            {kArray, "an array"}, {kBoolean, "true or false"}, {kNull, "null"}};
        std::string result;
        for (const auto& [bits, name] : names) {
            if ((types & bits) != bits || (bits == kInteger && (types & kFraction))) continue;
            result += (result.empty() ? "" : " or ") + std::string(name);
        }
        return result;
    }

  private:
    static constexpr size_t kFew = 6, kLongest = 60;

    bool written(int32_t node, Keyword k) const {
        auto found = written_.find(node);
        return found != written_.end() && (found->second >> static_cast<unsigned>(k) & 1);
    }

    void put(Demand d) {
        if (std::find(list.begin(), list.end(), d) == list.end()) list.push_back(std::move(d));
    }

    // Cut between characters.
    static std::string cut(const std::string& text) {
        if (text.size() <= kLongest) return text;
        size_t end = kLongest;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
        return text.substr(0, end) + "...";
    }

    // A normalised numeral ("-125e-1") as people write it.
    std::string numeral(int32_t id) const {
        const std::string& text = table_.text(id);
        const size_t e = text.find('e');
        if (e == std::string::npos) return text;
        std::string digits = text.substr(0, e), exponent = text.substr(e + 1);
        if (exponent.size() > 3) return text;
        const int by = std::stoi(exponent), most = 20;
        const std::string sign = digits[0] == '-' ? "-" : "";
        digits = digits.substr(sign.size());
        if (by > most || by < -most) return text;
        if (by >= 0) return sign + digits + std::string(static_cast<size_t>(by), '0');
        const auto places = static_cast<size_t>(-by);
        if (digits.size() <= places) digits = std::string(places + 1 - digits.size(), '0') + digits;
        return sign + digits.substr(0, digits.size() - places) + "." + digits.substr(digits.size() - places);
    }

    std::string value(int32_t id) const {
        std::string text;
        write(id, text);
        return cut(text);
    }

    // As JSON, as far as it is shown.
    void write(int32_t id, std::string& out) const {
        if (out.size() > kLongest) return;
        const Value& v = table_.values[static_cast<size_t>(id)];
        switch (v.kind) {
            case Value::Kind::Null: out += "null"; return;
            case Value::Kind::False: out += "false"; return;
            case Value::Kind::True: out += "true"; return;
            case Value::Kind::Number: out += numeral(v.text); return;
            case Value::Kind::String: out += quoted(v.text); return;
            case Value::Kind::Array: break;
            case Value::Kind::Object: break;
        }
        const bool array = v.kind == Value::Kind::Array;
        const char* comma = "";
        out += array ? "[" : "{";
        for (int32_t item : v.items) {
            out += comma;
            write(item, out);
            comma = ", ";
        }
        for (const auto& member : v.members) {
            out += comma + quoted(member.first) + ": ";
            write(member.second, out);
            comma = ", ";
        }
        out += array ? "]" : "}";
    }

    const SchemaTable& table_;
    std::unordered_map<int32_t, uint64_t> written_;   // node -> keywords that count
};

}  // namespace guidedgen
