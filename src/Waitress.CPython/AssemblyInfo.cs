using System.Runtime.CompilerServices;

// Every signature in the table is blittable (pointers and structs of one pointer): no marshalling code, no surprises.
[assembly: DisableRuntimeMarshalling]
