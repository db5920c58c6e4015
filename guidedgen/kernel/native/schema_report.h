// The report in words: one line for each keyword of each location that was read. Made when somebody asks for it.
#pragma once

#include "json_embedded.h"
#include "json_formats.h"
#include "schema_keywords.h"

namespace guidedgen {

struct ReportLine {
    std::string pointer, keyword, note;
    Treatment treatment;
};

namespace report {

inline std::string title(int16_t draft) {
    if (draft == kMixed) return "no declared draft";
    if (draft == kDraft2019) return "2019-09";
    return draft == kDraft2020 ? "2020-12" : "draft " + std::to_string(draft);
}

inline std::string kinds(uint8_t types) {
    static const std::pair<const char*, uint8_t> names[] = {{"array", kArray}, {"boolean", kBoolean}, {"null", kNull},
                                                            {"number", kNumber}, {"object", kObject}, {"string", kString}};
    std::string result;
    for (const auto& name : names)
        if (types & name.second) result += (result.empty() ? "" : " or ") + std::string(name.first);
    return result.empty() ? "any value that is allowed here" : result;
}

inline std::string note(const SchemaTable& table, const KeywordMark& mark) {
    switch (mark.reason) {
        case Reason::None: return "";
        case Reason::OtherDraft: return "not a keyword in " + title(mark.draft);
        case Reason::BesideRef: return "stands beside $ref, which " + title(mark.draft) + " ignores";
        case Reason::NoEffect: return "has no effect here";
        case Reason::Unknown: return "not a keyword of JSON Schema";
        case Reason::FormatUnknown: return "the format is not known and not enforced";
        case Reason::FormatOff: return "not enforced: format=\"annotation\"";
        case Reason::ContentUnknown: return "not enforced: only base64 and application/json are";
        case Reason::NoVocabulary: return "the dialect lacks the validation vocabulary";
        case Reason::Detail: return table.text(mark.detail);
    }
    return "";
}

// What registers enforce beside the masks of lexemes, and what of a format no expression says.
inline void qualify(const SchemaTable& table, const SchemaNode& node, Keyword keyword, ReportLine& line) {
    if (keyword == Keyword::UniqueItems && node.array && node.array->unique) line.treatment = Treatment::Guarded;
    if (keyword == Keyword::ContentMediaType)
        line.note = "documents whose values nest more than " + std::to_string(JsonDocuments::kDeepest) + " deep are not taken";
    if (keyword != Keyword::Format || !node.string || node.string->format < 0 || table.formats.count(node.string->format)) return;
    auto known = JsonFormats::all().find(table.text(node.string->format));
    if (known != JsonFormats::all().end() && *known->second.unchecked) line.note = std::string("not checked: ") + known->second.unchecked;
}

}  // namespace report

inline std::vector<ReportLine> report_lines(const SchemaTable& table) {
    std::vector<ReportLine> lines;
    for (const KeywordMark& mark : table.marks) {
        const SchemaNode& node = table.nodes[static_cast<size_t>(mark.node)];
        bool known = mark.keyword >= 0;
        std::string name = known ? std::string(keyword_table()[static_cast<size_t>(mark.keyword)].name) : table.text(~mark.keyword);
        ReportLine line{table.pointer(node.place) + "/" + pointer_token(name), name, report::note(table, mark), mark.treatment};
        const bool enforced = mark.treatment == Treatment::Exact || mark.treatment == Treatment::Guarded;
        if (known && enforced && !(keyword_table()[static_cast<size_t>(mark.keyword)].kinds & node.types)) {
            line.treatment = Treatment::Annotation;
            line.note = "says nothing about " + report::kinds(node.types);
        }
        if (known && line.treatment == Treatment::Exact) report::qualify(table, node, static_cast<Keyword>(mark.keyword), line);
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace guidedgen
