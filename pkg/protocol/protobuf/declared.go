// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package protobuf

import (
	"encoding/json"
	"iter"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// declared returns the field of a number, nil when the type does not have it, or not as it is on the wire: then it is the type of something
// else.
func declared(of protoreflect.MessageDescriptor, number protowire.Number, wire protowire.Type) protoreflect.FieldDescriptor {
	if of == nil {
		return nil
	}
	f := of.Fields().ByNumber(number)
	if f == nil {
		return nil
	}
	if own := wireType(f.Kind()); own == wire || wire == protowire.BytesType && f.IsList() && own != protowire.StartGroupType {
		return f
	}
	return nil
}

func wireType(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	default:
		return protowire.VarintType
	}
}

// isPacked tells whether what is bytes on the wire is a list of numbers.
func isPacked(f protoreflect.FieldDescriptor) bool {
	return f != nil && wireType(f.Kind()) != protowire.BytesType
}

// typeOf returns the type of a nested message, nil when it is not known.
func typeOf(f protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if f == nil {
		return nil
	}
	return f.Message()
}

// Name is that of the field as it is declared, else its number.
func (f *Field) Name() string {
	if f.Declared != nil {
		return string(f.Declared.Name())
	}
	return strconv.Itoa(int(f.Number))
}

// IsRepeated tells whether the field is declared as a list or a map, however often it is there.
func (f *Field) IsRepeated() bool {
	return f.Declared != nil && f.Declared.Cardinality() == protoreflect.Repeated
}

// Groups yields the fields of each number, in the order of numbers, of fields as Parse returns them, and whether they are a list: there are several, or
// the field is declared as one.
func Groups(fields []Field) iter.Seq2[[]Field, bool] {
	return func(yield func([]Field, bool) bool) {
		for len(fields) > 0 {
			n := 1
			for n < len(fields) && fields[n].Number == fields[0].Number {
				n++
			}
			if !yield(fields[:n:n], n > 1 || fields[0].IsRepeated()) {
				return
			}
			fields = fields[n:]
		}
	}
}

// unpack appends each number of a packed field as a field of its own, and what is none as one field of bytes.
func (p *parser) unpack(fields []Field, packed Field) []Field {
	rest := packed.Bytes
	for len(rest) > 0 {
		f := Field{Number: packed.Number, Declared: packed.Declared}
		n := 0
		switch wireType(f.Declared.Kind()) {
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(rest)
			f.Value = uint64(v)
		case protowire.Fixed64Type:
			f.Value, n = protowire.ConsumeFixed64(rest)
		default:
			f.Value, n = protowire.ConsumeVarint(rest)
		}
		if p.left--; n < 0 || p.left < 0 {
			return append(fields, Field{Number: packed.Number, Kind: Bytes, Bytes: rest})
		}
		f.Bytes, rest = rest[:n], rest[n:]
		fields = append(fields, f)
	}
	return fields
}

// Scalar is the value of a Number for JSON: as it is declared (enums by their names, booleans, signed and floating-point numbers), else as
// it is on the wire.
func (f *Field) Scalar() any {
	if f.Declared == nil {
		return json.Number(strconv.FormatUint(f.Value, 10))
	}
	switch f.Declared.Kind() {
	case protoreflect.BoolKind:
		return f.Value != 0
	case protoreflect.EnumKind:
		if v := f.Declared.Enum().Values().ByNumber(protoreflect.EnumNumber(int32(f.Value))); v != nil {
			return string(v.Name())
		}
		return signed(int64(int32(f.Value)))
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		return signed(int64(int32(f.Value)))
	case protoreflect.Int64Kind, protoreflect.Sfixed64Kind:
		return signed(int64(f.Value))
	case protoreflect.Sint32Kind:
		return signed(protowire.DecodeZigZag(f.Value & math.MaxUint32))
	case protoreflect.Sint64Kind:
		return signed(protowire.DecodeZigZag(f.Value))
	case protoreflect.Uint32Kind:
		return json.Number(strconv.FormatUint(uint64(uint32(f.Value)), 10))
	case protoreflect.FloatKind:
		return float(float64(math.Float32frombits(uint32(f.Value))), 32)
	case protoreflect.DoubleKind:
		return float(math.Float64frombits(f.Value), 64)
	default:
		return json.Number(strconv.FormatUint(f.Value, 10))
	}
}

func signed(v int64) json.Number { return json.Number(strconv.FormatInt(v, 10)) }

// float returns what is no number in JSON by its name there.
func float(v float64, bits int) any {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return json.Number(strconv.FormatFloat(v, 'g', -1, bits))
}
