#include <sstream>
#include <stdexcept>

#include "ptx_machine.h"

namespace ptx {
namespace {

std::string trimmed(const std::string &s) {
  const size_t first = s.find_first_not_of(" \t\r\n"), last = s.find_last_not_of(" \t\r\n;");
  return first == std::string::npos || last == std::string::npos || last < first ? "" : s.substr(first, last - first + 1);
}

std::vector<std::string> split_operands(const std::string &s) {
  std::vector<std::string> parts;
  int depth = 0;
  std::string part;
  for (const char c : s) {
    if (c == '{' || c == '[') depth++;
    if (c == '}' || c == ']') depth--;
    if (c == ',' && depth == 0) {
      parts.push_back(trimmed(part));
      part.clear();
    } else {
      part += c;
    }
  }
  if (!trimmed(part).empty()) parts.push_back(trimmed(part));
  return parts;
}

class KernelParser {
 public:
  KernelParser() {
    for (int i = 0; i < kSpecials; i++) registers_[kSpecial[i]] = i;
    kernel_->registers = kSpecials;
  }

  // ".param .u64 .ptr .align 1 name" or ".param .f32 name"
  void parameter(const std::string &line) {
    std::istringstream words(line);
    std::string directive, type, name;
    words >> directive >> type;
    while (words >> name) continue;
    if (name.back() == ',') name.pop_back();
    const size_t digits = type.find_first_of("0123456789");
    if (directive != ".param" || digits == std::string::npos) throw std::runtime_error("unknown parameter: " + line);
    const size_t bytes = std::stoul(type.substr(digits)) / 8;
    parameter_bytes_ = (parameter_bytes_ + bytes - 1) / bytes * bytes;
    kernel_->parameter_at.push_back(parameter_bytes_);
    kernel_->parameter_bytes.push_back(bytes);
    parameters_[name] = static_cast<int>(parameter_bytes_);
    parameter_bytes_ += bytes;
  }
  void label(const std::string &name) { labels_[name] = static_cast<int>(kernel_->code.size()); }

  void instruction(std::string text) {
    Instruction i;
    i.text = text;
    if (text[0] == '@') {
      const size_t space = text.find_first_of(" \t");
      i.negated = text[1] == '!';
      i.predicate = register_index(text.substr(i.negated ? 2 : 1, space - (i.negated ? 2 : 1)));
      text = trimmed(text.substr(space));
    }
    const size_t space = text.find_first_of(" \t");
    const std::string name = text.substr(0, space);
    i.action = find_action(name);
    if (!i.action) throw std::runtime_error("unknown instruction: " + text);
    if (space != std::string::npos && name.compare(0, 3, "bar") != 0)
      for (const std::string &o : split_operands(text.substr(space))) i.operands.push_back(operand(o, name));
    kernel_->code.push_back(i);
  }

  std::shared_ptr<const Kernel> finish(const std::string &name) {
    kernel_->name = name;
    for (Instruction &i : kernel_->code)
      for (Operand &o : i.operands) {
        if (o.kind != Operand::kLabel) continue;
        const auto found = labels_.find(o.name);
        if (found == labels_.end()) throw std::runtime_error("unknown operand: " + o.name);
        o.index = found->second;
      }
    return kernel_;
  }

 private:
  int register_index(const std::string &name) {
    const auto [it, added] = registers_.emplace(name, kernel_->registers);
    if (added) kernel_->registers++;
    return it->second;
  }

  Operand operand(const std::string &text, const std::string &instruction) {
    Operand o;
    if (text[0] == '%') {
      o.index = register_index(text);
    } else if (text[0] == '[') {
      o.kind = Operand::kMemory;
      std::string inside = text.substr(1, text.size() - 2);
      const size_t plus = inside.find('+');
      if (plus != std::string::npos) {
        o.offset = std::stoll(inside.substr(plus + 1));
        inside.resize(plus);
      }
      const auto parameter = parameters_.find(inside);
      if (parameter != parameters_.end()) {
        o.kind = Operand::kParameter;
        o.index = parameter->second;
      } else if (inside[0] == '%') {
        o.index = register_index(inside);
      } else {
        o.index = -1;
        o.offset += std::stoll(inside);
      }
    } else if (text[0] == '{') {
      o.kind = Operand::kVector;
      for (const std::string &part : split_operands(text.substr(1, text.size() - 2))) {
        o.parts.push_back(operand(part, instruction));
        if (o.parts.back().kind != Operand::kLabel) continue;
        o.parts.back().kind = Operand::kRegister;  // of a block: { .reg .b32 tmp; mov.b64 {tmp, %r1}, %rd1; }
        o.parts.back().index = register_index(part);
      }
    } else if (text.compare(0, 2, "0f") == 0 || text.compare(0, 2, "0d") == 0) {
      o.kind = Operand::kImmediate;
      o.bits = std::stoull(text.substr(2), nullptr, 16);
    } else if (text[0] == '-' || (text[0] >= '0' && text[0] <= '9')) {
      o.kind = Operand::kImmediate;
      o.bits = text[0] == '-' ? static_cast<uint64_t>(std::stoll(text, nullptr, 0)) : std::stoull(text, nullptr, 0);
    } else {
      o.kind = Operand::kLabel;
      o.name = text;
    }
    return o;
  }

  std::shared_ptr<Kernel> kernel_ = std::make_shared<Kernel>();
  std::map<std::string, int> registers_, parameters_, labels_;
  size_t parameter_bytes_ = 0;
};

}  // namespace

Module parse(const std::string &text) {
  Module module;
  std::istringstream lines(text);
  std::string name;
  std::unique_ptr<KernelParser> parser;
  bool in_parameters = false;
  for (std::string line; std::getline(lines, line);) {
    const size_t comment = line.find("//");
    if (comment != std::string::npos) line.resize(comment);
    const std::string t = trimmed(line);
    static const std::string kEntry = ".visible .entry ";
    if (t.compare(0, kEntry.size(), kEntry) == 0) {
      parser = std::make_unique<KernelParser>();
      name = t.substr(kEntry.size(), t.find('(') - kEntry.size());
      in_parameters = t.back() == '(';
    } else if (!parser || t.empty() || t == "{") {
      continue;
    } else if (in_parameters && t[0] == ')') {
      in_parameters = false;
    } else if (in_parameters) {
      parser->parameter(t);
    } else if (t == "}") {
      module.kernels[name] = parser->finish(name);
      parser.reset();
    } else if (t[0] == '.') {
      if (t.compare(0, 4, ".reg") != 0 && t.compare(0, 7, ".pragma") != 0 && t.compare(0, 7, ".reqnti") != 0 &&
          t.compare(0, 7, ".maxnti") != 0)
        throw std::runtime_error("unknown directive: " + t);
    } else if (t.back() == ':') {
      parser->label(t.substr(0, t.size() - 1));
    } else if (t[0] == '{') {  // a block on one line, with registers of its own
      const size_t first = t.find(';'), last = t.rfind('}');
      if (first == std::string::npos || last == std::string::npos) throw std::runtime_error("unknown block: " + t);
      parser->instruction(trimmed(t.substr(first + 1, last - first - 1)));
    } else {
      parser->instruction(t);
    }
  }
  return module;
}

}  // namespace ptx
