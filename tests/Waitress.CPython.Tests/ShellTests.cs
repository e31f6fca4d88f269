using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;

namespace Waitress.CPython.Tests;

/// <summary>A managed exception that leaves a method which CPython calls ends the process: each such method is a shell around a try.</summary>
public sealed class ShellTests
{
    private const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static readonly Assembly[] Assemblies = [typeof(Api).Assembly, typeof(Server).Assembly, Assembly.Load("_native")];

    private static MethodInfo[] Shells => [.. Assemblies.SelectMany(one => one.GetTypes()).SelectMany(type => type.GetMethods(All))
        .Where(method => method.GetCustomAttribute<UnmanagedCallersOnlyAttribute>() is not null)];

    [Fact]
    public void UnmanagedMethods_AreTheKnownOnes() =>
        Assert.Equal(["Close", "Dealloc", "Execute", "Itself", "Next", "PyInit", "Send", "Throw", "Vectorcall"], Shells.Select(method => method.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void UnmanagedMethods_HaveACatchOfEverythingAroundTheirWholeBody() => Assert.All(Shells, method =>
    {
        var body = method.GetMethodBody()!;
        var il = body.GetILAsByteArray()!;
        var outer = body.ExceptionHandlingClauses.Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause && clause.CatchType == typeof(Exception))
            .MaxBy(clause => clause.TryLength);
        Assert.True(outer is not null, $"{method.DeclaringType}.{method.Name} has no catch (Exception)");

        // Outside the try and its handler only what can't throw: the result's way out, and no-operations of debug builds.
        var handlerEnd = outer.HandlerOffset + outer.HandlerLength;
        Assert.All(il[..outer.TryOffset], code => Assert.Equal((byte)OpCodes.Nop.Value, code));
        Assert.Equal(outer.TryOffset + outer.TryLength, outer.HandlerOffset);
        Assert.All(il[handlerEnd..], code => Assert.Contains(code, new[]
        {
            (byte)OpCodes.Nop.Value, (byte)OpCodes.Ret.Value, (byte)OpCodes.Ldloc_0.Value, (byte)OpCodes.Ldloc_1.Value,
            (byte)OpCodes.Ldloc_2.Value, (byte)OpCodes.Ldloc_3.Value, (byte)OpCodes.Ldloc_S.Value, (byte)4, (byte)5,
        }));
    });
}
