// The standard formats as regular expressions (JSON Schema 2020-12 validation, 7.3), each with the document that defines it.
//
// They are ECMA-262 patterns of the whole unescaped text; `Texts::format` turns one into an expression. What of
// a definition is no manageable expression is named beside it.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "json_idn.h"

namespace guidedgen {

struct FormatPattern {
    std::function<std::string()> pattern;   // made when it is first asked for; none: see RegexLanguage
    int32_t longest = -1;                   // characters
    const char* unchecked = "";             // what of its definition is not enforced
};

class JsonFormats {
  public:
    static const std::map<std::string, FormatPattern, std::less<>>& all() {
        static const JsonFormats formats;
        return formats.patterns_;
    }

  private:
    JsonFormats() {
        times();
        hosts();
        identifiers();
        patterns_["regex"] = {nullptr, -1, "that names of groups differ, that backreferences have groups, that all counts and ranges ascend"};
        // RFC 4122, 3.
        put("uuid", "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}");
        // RFC 6901, 3, and the draft of relative JSON pointers.
        const std::string pointer = "(?:/(?:[^/~]|~[01])*)*";
        put("json-pointer", pointer);
        put("relative-json-pointer", "(?:0|[1-9][0-9]*)(?:#|" + pointer + ")");
        // RFC 6570, 2 and 3.
        const std::string character = "(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})";
        const std::string variable = character + "(?:\\.?" + character + ")*(?::[1-9][0-9]{0,3}|\\*)?";
        put("uri-template", "(?:[^\\u0000-\\u0020\"'%<>\\\\^`{|}\\u007f]|%[0-9A-Fa-f]{2}|\\{[+#./;?&=,!@|]?" + variable + "(?:," + variable + ")*\\})*");
    }

    void put(const char* name, std::string pattern, int32_t longest = -1) {
        patterns_[name] = {[pattern = std::move(pattern)] { return pattern; }, longest};
    }

    void times() {
        // RFC 3339, 5.6 and appendix C: days exist in their month, 29 February in leap years only.
        const std::string leap_year = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
        const std::string date = "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
                                 "|02-(?:0[1-9]|1[0-9]|2[0-8]))|" + leap_year + "-02-29)";
        const std::string fraction = "(?:\\.[0-9]+)?", hour = "(?:[01][0-9]|2[0-3])";
        const std::string plain = hour + ":[0-5][0-9]:[0-5][0-9]" + fraction + "(?:[Zz]|[+-]" + hour + ":[0-5][0-9])";
        auto time = [plain, fraction] { return "(?:" + plain + "|" + leap_seconds(fraction) + ")"; };
        put("date", date);
        patterns_["time"] = {time, -1};
        patterns_["date-time"] = {[date, time] { return date + "[Tt]" + time(); }, -1};
        // RFC 3339, appendix A.
        const std::string days = "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)";
        const std::string hours = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)";
        put("duration", "P(?:" + days + "(?:" + hours + ")?|" + hours + "|[0-9]+W)");
    }

    static std::string two(int value) {
        const std::string digits = std::to_string(value);
        return digits.size() < 2 ? "0" + digits : digits;
    }

    // A leap second is 23:59:60 in UTC (RFC 3339, 5.7), so the offset decides what the local time is then. With +hh:mm it is
    // hh:(mm-1), or (hh-1):59 where mm is 00; with -hh:mm it is (23-hh):(59-mm). Hours and minutes are paired one by one, and
    // a lookahead joins the two pairings.
    static std::string leap_seconds(const std::string& fraction) {
        const std::string middle = ":60" + fraction;
        std::string east_hours, east_minutes, full_hours, west_hours, west_minutes;
        for (int h = 0; h < 24; ++h) {
            east_hours += (h ? "|" : "") + two(h) + ":[0-9]{2}" + middle + "\\+" + two(h) + ":";
            full_hours += (h ? "|" : "") + two((h + 23) % 24) + ":59" + middle + "\\+" + two(h) + ":00";
            west_hours += (h ? "|" : "") + two(23 - h) + ":[0-9]{2}" + middle + "-" + two(h) + ":";
        }
        for (int m = 0; m < 60; ++m) {
            if (m > 0) east_minutes += (m > 1 ? "|" : "") + two(m - 1) + middle + "\\+[0-9]{2}:" + two(m);
            west_minutes += (m ? "|" : "") + two(59 - m) + middle + "-[0-9]{2}:" + two(m);
        }
        return "(?:23:59:60" + fraction + "[Zz]|" + full_hours + "|(?=" + east_hours + ")[0-9]{2}:(?:" + east_minutes + ")|(?=" + west_hours +
               ")[0-9]{2}:(?:" + west_minutes + "))";
    }

    void hosts() {
        // RFC 1123, 2.1 and RFC 952: labels of at most 63 letters, digits and inner hyphens; at most 253 characters in all.
        const std::string label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
        hostname_ = label + "(?:\\." + label + ")*";
        // RFC 2673, 3.2 (decimal octets without leading zeros) and RFC 4291, 2.2 as RFC 3986, 3.2.2 writes it.
        const std::string octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
        const std::string ipv4 = octet + "(?:\\." + octet + "){3}", h16 = "[0-9A-Fa-f]{1,4}", ls32 = "(?:" + h16 + ":" + h16 + "|" + ipv4 + ")";
        ipv6_ = "(?:(?:" + h16 + ":){6}" + ls32;
        for (int before = 0; before <= 7; ++before) {
            const std::string some = before == 0 ? "" : "(?:(?:" + h16 + ":){0," + std::to_string(before - 1) + "}" + h16 + ")?";
            const int after = 7 - before;   // groups of sixteen bits behind the gap
            ipv6_ += "|" + some + "::" + (after > 2 ? "(?:" + h16 + ":){" + std::to_string(after - 2) + "}" : "") + (after >= 2 ? ls32 : after == 1 ? h16 : "");
        }
        ipv6_ += ")";
        put("hostname", hostname_, 253);
        put("ipv4", ipv4);
        put("ipv6", ipv6_);
        // RFC 5321, 4.1.2 (Mailbox), without comments and folding white space.
        const std::string atom = "[A-Za-z0-9!#$%&'*+\\-/=?^_`{|}~]+", quoted = "\"(?:[ !#-\\[\\]-~]|\\\\[ -~])*\"";
        // RFC 3490, 3.1: the dots.
        patterns_["idn-hostname"] = {[] { return IdnPatterns::host(".\\u{3002}\\u{FF0E}\\u{FF61}"); }, 253, IdnPatterns::kUnchecked};
        // RFC 6531, 3.3: UTF-8 beyond ASCII in both parts.
        const std::string wide = "\\u{80}-\\u{10FFFF}", wide_atom = "[A-Za-z0-9!#$%&'*+\\-/=?^_`{|}~" + wide + "]+";
        const std::string wide_quoted = "\"(?:[ !#-\\[\\]-~" + wide + "]|\\\\[ -~])*\"", literal = "\\[(?:" + ipv4 + "|IPv6:" + ipv6_ + ")\\]";
        const std::string local = "(?:" + wide_atom + "(?:\\." + wide_atom + ")*|" + wide_quoted + ")@(?:" + literal + "|";
        patterns_["idn-email"] = {[local] { return local + IdnPatterns::host(".") + ")"; }, -1, IdnPatterns::kUnchecked};
        put("email", "(?:" + atom + "(?:\\." + atom + ")*|" + quoted + ")@(?:" + hostname_ + "|\\[(?:" + ipv4 + "|IPv6:" + ipv6_ + ")\\])");
    }

    void identifiers() {
        // RFC 3986, appendix A.
        const std::string unreserved = "A-Za-z0-9\\-._~";
        // RFC 3987, 2.2: what an IRI may hold beyond a URI; private characters in the query only.
        std::string ucschar = "\\u{A0}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFEF}";
        for (const char* plane : {"1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D"})
            ucschar += std::string("\\u{") + plane + "0000}-\\u{" + plane + "FFFD}";
        ucschar += "\\u{E1000}-\\u{EFFFD}";
        const std::string personal = "\\u{E000}-\\u{F8FF}\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}";
        identifier("uri", "uri-reference", unreserved, "");
        identifier("iri", "iri-reference", unreserved + ucschar, personal);
    }

    void identifier(const char* absolute_name, const char* reference_name, const std::string& unreserved, const std::string& personal) {
        const std::string delims = "!$&'()*+,;=", percent = "%[0-9A-Fa-f]{2}";
        const std::string pchar = "(?:[" + unreserved + delims + ":@]|" + percent + ")";
        const std::string literal = "\\[(?:" + ipv6_ + "|[Vv][0-9A-Fa-f]+\\.[A-Za-z0-9\\-._~" + delims + ":]+)\\]";
        const std::string name = "(?:[" + unreserved + delims + "]|" + percent + ")*";
        const std::string authority = "(?:(?:[" + unreserved + delims + ":]|" + percent + ")*@)?(?:" + literal + "|" + name + ")(?::[0-9]*)?";
        const std::string abempty = "(?:/" + pchar + "*)*", absolute = "/(?:" + pchar + "+" + abempty + ")?", rootless = pchar + "+" + abempty;
        const std::string noscheme = "(?:[" + unreserved + delims + "@]|" + percent + ")+" + abempty;
        const std::string query = "(?:\\?(?:" + pchar + "|[/?" + personal + "])*)?(?:#(?:" + pchar + "|[/?])*)?";
        const std::string full = "[A-Za-z][A-Za-z0-9+\\-.]*:(?://" + authority + abempty + "|" + absolute + "|" + rootless + "|)" + query;
        const std::string relative = "(?://" + authority + abempty + "|" + absolute + "|" + noscheme + "|)" + query;
        put(absolute_name, full);
        put(reference_name, "(?:" + full + "|" + relative + ")");
    }

    std::map<std::string, FormatPattern, std::less<>> patterns_;
    std::string hostname_, ipv6_;
};

}  // namespace guidedgen
